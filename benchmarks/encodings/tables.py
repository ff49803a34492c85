"""`python -m benchmarks.encodings.tables PROFILES`: makes the tables by which encodings are recognised.

PROFILES is the folder `langdetect/profiles` of the package langdetect 1.0.9 (Apache-2.0): counts of pairs of letters in
Wikipedia's articles, a file a language. Icelandic, which it lacks, is counted in the text below, which was written for
this. Of Japanese, Chinese and Korean, whose characters langdetect counts in groups, the common characters are named
below, and the rest is what the first level of each national standard holds. What is written,
`crisp_align/formats/letters.txt.xz`, has a line a language and level:

    fr 9 eseé…

Its code, the level -2 · ln P rounded, and all that is so likely: pairs of letters (a space is the edge of a word), of
which P is the share among all pairs; or, in Japanese, Chinese and Korean, single characters.
"""

from __future__ import annotations

import json
import lzma
import math
import sys
import unicodedata
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import opencc

PAIRS = (
    *("en", "fr", "de", "es", "pt", "it", "nl", "sv", "da", "no", "fi", "ca", "sq", "pl", "cs", "sk", "hu", "ro", "sl"),
    *("hr", "lt", "lv", "et", "tr", "vi", "ru", "uk", "bg", "mk", "el", "he", "ar", "fa", "ur", "th"),
)
COMMON = {
    "zh-cn": "的一是了我不在人们有来他这上着个地到大里说就去子得也和那要下看天时过出小么起你都把好还多没为又可家学"
    "只以主会样年想生同老中十从自面前头道它后然走很像见两用她国动进成回什边作对开而己些现山民候经发工向事"
    "命给长水几义三声于高手知理眼志点心战二问但身方实吃做叫当住听革打呢真全才四已所敌之最光产情路分总条白"
    "话东席次亲如被花口放儿常气五第使写军吧文运再果怎定许快明行因别飞外树物活部门无往船望新带队先力完却站"
    "代员机更九您每风级跟笑啊孩万少直意夜比阶连车重便斗马哪化太指变社似士者干石满日决百原拿群",
    "ja": "日一人年大私本中何今思彼時見行出言気分前生手会上子事自間方女者目家話入来知下学心高男場後小立帰食待合"
    "明国物体",
    "ko": "이다는을를에의가하고은지도어나서아기로해자들사한리그대있라일수시인게보정요니안주전구부제만상스장거우"
    "동과면소원마여습까내오너데와무선경성연네야치공으신유모비당미화세진위적러조물생방말중계관것었았했않없"
    "할알같럼렇좋줘봐왜날때음운문반",
}
LEVELS = {"zh-cn": ("gb2312", 0xB0, 0xD7), "zh-tw": ("big5", 0xA4, 0xC6), "ja": ("euc_jp", 0xB0, 0xCF)}
"""The standard of a language, and the first bytes of its common characters."""
KANA = (
    "のにはたをとしでてがいなるかっれまらもすりうさこくきんあよけだせみそえめおろつどちやわほむばねびぐぎ"
    "ごずげじひぶへゆべふざぬ"
)
TARGET = Path(__file__).parents[2] / "crisp_align" / "formats" / "letters.txt.xz"
MIN_SHARE = 2e-5
MIN_ACCENTED_SHARE = 3e-6
"""Pairs that are rarer than this are left out; so few, because accented letters are what is to be recognised."""

ICELANDIC = """
Ég veit ekki hvað ég á að segja við þig. Það er orðið framorðið og við verðum að fara heim áður en veðrið versnar.
Hvar varst þú í gærkvöldi? Ég beið eftir þér við höfnina þangað til klukkan var orðin tólf. Móðir mín sagði mér að þú
værir farinn norður í land. Hún hefur aldrei séð svona mikinn snjó á ævi sinni. Við ætlum að kaupa nýjan bíl þegar
skipið kemur að landi. Þeir fóru út á sjó snemma um morguninn og komu ekki aftur fyrr en um kvöldið. Börnin léku sér í
fjörunni og týndu skeljar og steina. Hann skrifaði bréf til systur sinnar sem býr í Reykjavík og bað hana að koma.
Þú mátt ekki gleyma því sem ég sagði þér. Ef þú ferð núna þá kemur þú aldrei aftur. Hvers vegna gerðir þú þetta? Ég
hélt að við værum vinir. Læknirinn kom og skoðaði gamla manninn en gat lítið gert fyrir hann. Það var kalt í húsinu og
enginn eldur í ofninum. Ætli hann hafi fengið peningana sína? Nei, það held ég ekki. Stúlkan stóð við gluggann og
horfði á fjöllin og hafið. Vindurinn blés og regnið buldi á þakinu alla nóttina. Góðan daginn, hvernig hefur þú það?
Ágætt, þakka þér fyrir, en ég er orðin þreytt á þessu öllu saman. Öll él birtir upp um síðir.
"""


def shares(counts: dict[str, int]) -> dict[str, float]:
    """Counts of pieces of text as shares, capitals as small letters."""
    folded: Counter[str] = Counter()
    for piece, count in counts.items():
        folded[unicodedata.normalize("NFC", piece.lower()).replace("ș", "ş").replace("ț", "ţ")] += count
    total = sum(folded.values())
    return {piece: count / total for piece, count in folded.items()}


def icelandic() -> dict[str, float]:
    text = "".join(char.lower() if char.isalpha() else " " for char in ICELANDIC)
    return shares(Counter(a + b for a, b in pairwise(" ".join(text.split()))))


def single_shares(language: str) -> dict[str, float]:
    """Shares of single characters: half of a text is made of the common ones, the earlier the more."""
    common = COMMON["zh-cn" if language == "zh-tw" else language]
    if language == "zh-tw":
        common = opencc.OpenCC("s2t").convert(common)
    if language == "ko":
        rest = [char for char in map(chr, range(0xAC00, 0xD7A4)) if _encodes(char, "euc_kr")]
    else:
        codec, first, last = LEVELS[language]
        codes = (bytes((lead, trail)) for lead in range(first, last + 1) for trail in range(0x40, 0xFF))
        rest = [char for code in codes if len(char := code.decode(codec, "ignore")) == 1 and ord(char) > 0x2FFF]
    found = dict.fromkeys(rest, 0.3 / len(rest))
    if language == "ja":
        kana = [*map(chr, range(0x3041, 0x3094)), *map(chr, range(0x30A1, 0x30F7))]
        found |= {char: 0.1 / len(kana) for char in kana} | {"ー": 0.01} | ranked(KANA, 0.5)
        return found | ranked(common, 0.1)
    return found | ranked(common, 0.6)


def ranked(chars: str, share: float) -> dict[str, float]:
    weights = {char: 1 / (rank + 20) for rank, char in enumerate(dict.fromkeys(chars))}
    total = sum(weights.values())
    return {char: share * weight / total for char, weight in weights.items()}


def _encodes(char: str, codec: str) -> bool:
    try:
        char.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def lines(language: str, found: dict[str, float]) -> list[str]:
    levels: dict[int, list[str]] = defaultdict(list)
    for piece, share in found.items():
        levels[round(-2 * math.log(share))].append(piece)
    return [f"{language} {level} {''.join(sorted(levels[level]))}" for level in sorted(levels)]


def main(folder: Path) -> None:
    rows = lines("is", icelandic())
    for language in PAIRS:
        counts = json.loads((folder / language).read_text(encoding="utf-8"))["freq"]
        pairs = {piece: n for piece, n in counts.items() if len(piece) == 2 and len(piece.lower()) == 2}
        rows += lines(
            language,
            {
                piece: share
                for piece, share in shares(pairs).items()
                if share >= (MIN_SHARE if piece.isascii() else MIN_ACCENTED_SHARE)
            },
        )
    for language in ("zh-cn", "zh-tw", "ja", "ko"):
        rows += lines(language, single_shares(language))
    TARGET.write_bytes(lzma.compress(("\n".join(rows) + "\n").encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{TARGET}: {TARGET.stat().st_size} bytes, {len(rows)} lines")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
