"""What English symbols, abbreviations and units of measure stand for."""

from __future__ import annotations

import unicodedata

from crisp_align.aligners.hmm.english.numbers import Words

__all__ = ["ABBREVIATIONS", "DOMAINS", "GREEK", "LETTERS", "MAGNITUDES", "ROMAN", "SHORT", "SYMBOLS", "UNITS"]


def _table(lines: str) -> dict[str, list[Words]]:
    """A written form a line, then its readings, the likeliest first, separated by bars; "-" is a silent one."""
    entries = (line.split(None, 1) for line in lines.strip().splitlines())
    return {
        written: [() if reading.strip() == "-" else tuple(reading.split()) for reading in readings.split("|")]
        for written, readings in entries
    }


SYMBOLS = _table("""
    &  and | ampersand
    +  plus | and | -
    @  at
    %  percent
    ‰  per mille
    #  hashtag | number | pound | hash | sharp | -
    =  equals | is | -
    °  degrees | degree
    /  - | slash | or | per | and
    \\  - | backslash
    _  - | underscore
    *  - | star | times | asterisk
    ×  times | by | x
    ÷  divided by
    <  - | less than
    >  - | greater than
    ~  - | about | tilde
    ^  - | to the
    ±  plus or minus
    §  section
    ©  - | copyright
    $  dollars | dollar | -
    £  pounds | -
    €  euros | -
    −  minus | negative
""")

ABBREVIATIONS = _table("""
    dr      doctor | drive
    mr      mister
    mrs     missus
    ms      miz | miss
    st      saint | street
    jr      junior
    sr      senior
    prof    professor
    gen     general
    sgt     sergeant
    capt    captain
    lt      lieutenant
    col     colonel
    rev     reverend
    hon     honorable
    gov     governor
    sen     senator
    rep     representative
    pres    president
    vs      versus | v s
    v       versus | v
    etc     et cetera
    ave     avenue
    blvd    boulevard
    rd      road
    mt      mount | mountain
    ft      feet | foot | fort
    no      number | no
    nos     numbers
    vol     volume
    ch      chapter
    fig     figure
    eq      equation
    p       page | p
    pp      pages
    dept    department
    inc     incorporated | inc
    ltd     limited
    co      company | co
    corp    corporation | corp
    bros    brothers
    approx  approximately
    est     estimated | established
    min     minutes | minute | min
    sec     seconds | second
    hr      hour | hours
    hrs     hours
    lb      pound | pounds
    lbs     pounds
    oz      ounces | ounce
    jan     january
    feb     february
    aug     august
    sept    september
    oct     october
    nov     november
    dec     december
    mon     monday
    tue     tuesday
    tues    tuesday
    wed     wednesday
    thu     thursday
    thurs   thursday
    fri     friday
    e.g     for example | e g
    i.e     that is | i e
    a.k.a   also known as | a k a
    ph.d    p h d
    ph.d.s  p h d's
""")

SHORT = {"vs": "vs", "etc": "etc", "mr": "mr", "mrs": "mrs", "dr": "dr", "ms": "ms", "eg": "e.g", "ie": "i.e"}
"""Abbreviations that mean the same without a full stop."""

UNITS = _table("""
    km/h  kilometers per hour | kilometers an hour | k m h
    kmh   kilometers per hour | kilometers an hour | k m h
    kph   kilometers per hour | kilometers an hour | k p h
    mph   miles per hour | miles an hour | m p h
    m/s   meters per second | meters a second
    mbps  megabits per second | megabits a second
    km    kilometers | kilometer | k
    m     meters | meter | million | m
    cm    centimeters | centimeter
    mm    millimeters | millimeter
    nm    nanometers | nanometer
    mi    miles | mile
    ft    feet | foot
    in    inches | inch
    yd    yards | yard
    km2   square kilometers
    m2    square meters
    m3    cubic meters
    kg    kilograms | kilos | kilogram | kilo
    g     grams | gram | g
    mg    milligrams | milligram
    lb    pounds | pound
    lbs   pounds
    oz    ounces | ounce
    l     liters | liter
    ml    milliliters | milliliter | mils
    s     seconds | second | s
    sec   seconds | second
    ms    milliseconds | millisecond
    min   minutes | minute
    h     hours | hour | h
    hz    hertz
    khz   kilohertz
    mhz   megahertz
    ghz   gigahertz
    w     watts | watt
    kw    kilowatts | kilowatt
    kwh   kilowatt hours | kilowatt hour
    mw    megawatts | megawatt
    v     volts | volt
    kb    kilobytes | k b
    mb    megabytes | megabyte | megs | m b
    gb    gigabytes | gigabyte | gigs | g b
    tb    terabytes | terabyte | t b
    °c    degrees celsius | degrees | degrees centigrade | celsius
    °f    degrees fahrenheit | degrees | fahrenheit
    °     degrees | degree
    k     thousand | k
    bn    billion
    b     billion | b
    x     times | x
    %     percent
    am    a m
    pm    p m
    a.m   a m
    p.m   p m
    px    pixels | p x
    "     inches | inch | -
    '     feet | foot | -
""")
"""After a number."""

MAGNITUDES = {
    "k": "thousand",
    "m": "million",
    "mn": "million",
    "b": "billion",
    "bn": "billion",
    "t": "trillion",
    "tn": "trillion",
    "thousand": "thousand",
    "million": "million",
    "billion": "billion",
    "trillion": "trillion",
}
"""After an amount of money."""

_LIGATURES = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "th", "þ": "th", "ı": "i", "ŋ": "ng"}
LETTERS = str.maketrans(_LIGATURES | {char.upper(): said.title() for char, said in _LIGATURES.items() if char != "ß"})
"""Latin letters that no accent can be taken from."""

GREEK = {
    unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}"): name
    for name in (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "mu", "nu", "xi"),
        *("omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
    )
} | {"λ": "lambda"}  # which Unicode spells "lamda"

DOMAINS = (
    *("com", "org", "net", "edu", "gov", "io", "ai", "co", "uk", "us", "de", "fr", "eu", "ca", "au", "tv", "fm", "me"),
    *("ly", "gg", "dev", "app", "info", "biz", "xyz"),
)
"""Endings that make a name with a dot an address."""

_ROMAN = (
    *("ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv", "xvi", "xvii"),
    *("xviii", "xix", "xx", "xxi"),
)
ROMAN = {roman: value for value, roman in enumerate(_ROMAN, 2)}
