"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const media = document.getElementById("media");
const canvas = document.getElementById("wave");
const words = [];
let now = -1, clock = 0;

// Text is only ever set as text, never as markup.
function element(kind, name, text) {
  const made = document.createElement(kind);
  made.className = name;
  made.textContent = text;
  return made;
}

function stamp(seconds) {
  const whole = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.${String(Math.round((seconds - whole) * 1000) % 1000).padStart(3, "0")}`;
}

// A row for a stretch of voice that no word covers.
function unwritten([start, end]) {
  const row = element("div", "segment", "");
  row.appendChild(element("div", "when", stamp(start)));
  const note = element("div", "missing", `${(end - start).toFixed(1)} s of what sounds like speech have no words`);
  note.addEventListener("click", () => seek(start));
  row.appendChild(note);
  return row;
}

function notices() {
  const box = document.getElementById("notices"), list = box.querySelector("ul");
  if (!data.notices.length) return;
  box.hidden = false;
  box.open = data.uncovered.length > 0;
  box.querySelector("summary").textContent = data.notices.length === 1 ? "1 notice" : `${data.notices.length} notices`;
  for (const notice of data.notices) list.appendChild(element("li", "", notice));
}

function build() {
  document.getElementById("title").textContent = data.title;
  const text = document.getElementById("text");
  const missing = [...data.uncovered];
  notices();
  data.segments.forEach((segment, index) => {
    while (missing.length && missing[0][0] < segment.start) text.appendChild(unwritten(missing.shift()));
    const row = element("div", "segment", "");
    row.appendChild(element("div", "when", segment.speaker ? `${stamp(segment.start)} ${segment.speaker}` : stamp(segment.start)));
    const line = element("div", "text", "");
    line.dir = "auto";
    if (segment.language) line.lang = segment.language;
    for (const [shown, start, end, score] of segment.words) {
      const bare = shown.trimStart();
      line.append(shown.slice(0, shown.length - bare.length));  // the space before a word is not lit with it
      const word = element("span", "word", bare);
      word.dataset.index = String(words.length);
      word.title = `${stamp(start)} – ${stamp(end)}` + (score === null ? "" : `, score ${score.toFixed(2)}`);
      if (score !== null && score < 0.6) word.style.backgroundColor = `rgba(var(--doubt), ${(0.6 * (1 - score / 0.6) + 0.08).toFixed(3)})`;
      words.push({ start, end, segment: index, node: word });
      line.appendChild(word);
    }
    row.appendChild(line);
    text.appendChild(row);
  });
  missing.forEach((part) => text.appendChild(unwritten(part)));
}

// The last entry of a list in order of start that starts at or before a time; -1 before the first.
function last(list, time) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].start <= time) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function show(time, follow) {
  clock = time;
  const at = last(words, time + 0.0005);
  const current = at >= 0 && time < words[at].end ? at : -1;
  if (current !== now) {
    if (now >= 0) words[now].node.classList.remove("now");
    if (current >= 0) {
      words[current].node.classList.add("now");
      if (follow) {
        const box = words[current].node.getBoundingClientRect();
        const top = document.getElementById("stage").getBoundingClientRect().bottom;
        if (box.top < top || box.bottom > window.innerHeight) window.scrollBy(0, box.top - (top + window.innerHeight) / 2);
      }
    }
    now = current;
  }
  const cue = last(data.cues, time + 0.0005);
  const caption = cue >= 0 && time < data.cues[cue].end ? data.cues[cue].text : "";
  const box = document.getElementById("cue");
  if (box.textContent !== caption) box.textContent = caption;
  draw();
}

function seek(time) {
  const to = Math.max(0, Math.min(time, data.duration));
  if (data.media) media.currentTime = to;
  show(to, true);
}

const peaks = Uint8Array.from(atob(data.peaks), (char) => char.charCodeAt(0));
const SPAN = 10;

function draw() {
  const scale = window.devicePixelRatio || 1, width = canvas.clientWidth * scale, height = 72 * scale;
  if (canvas.width !== Math.round(width)) canvas.width = Math.round(width);
  if (canvas.height !== Math.round(height)) canvas.height = Math.round(height);
  const pen = canvas.getContext("2d"), left = clock - SPAN / 2, style = getComputedStyle(document.body);
  const x = (time) => (time - left) / SPAN * width;
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = style.getPropertyValue("--faint");
  if (peaks.length) {
    for (let column = 0; column < width; column += 2) {
      const time = left + column / width * SPAN;
      if (time < 0 || time >= data.duration) continue;
      const tall = peaks[Math.min(peaks.length - 1, Math.floor(time / data.duration * peaks.length))] / 255 * height * 0.7;
      pen.fillRect(column, (height - tall) / 2 - height * 0.1, 1.5, Math.max(1, tall));
    }
  }
  pen.fillStyle = "rgba(224, 65, 60, .18)";
  for (const [start, end] of data.uncovered) if (end > left && start < left + SPAN) pen.fillRect(x(start), 0, x(end) - x(start), height);
  pen.font = `${11 * scale}px system-ui, sans-serif`;
  for (let index = Math.max(0, last(words, left) - 1); index < words.length && words[index].start < left + SPAN; index++) {
    const word = words[index];
    pen.fillStyle = index === now ? "rgba(255, 190, 0, .35)" : "rgba(110, 140, 255, .16)";
    pen.fillRect(x(word.start), 0, x(word.end) - x(word.start), height);
    pen.fillStyle = "rgba(90, 120, 255, .8)";
    pen.fillRect(x(word.start), 0, scale, height);
    pen.fillRect(x(word.end), 0, scale, height);
    pen.fillStyle = style.getPropertyValue("--ink");
    pen.save();
    pen.beginPath();
    pen.rect(x(word.start), 0, x(word.end) - x(word.start), height);
    pen.clip();
    pen.fillText(word.node.textContent.trim().slice(0, 60), x(word.start) + 3 * scale, height - 6 * scale);
    pen.restore();
  }
  pen.fillStyle = "#e0413c";
  pen.fillRect(x(clock), 0, 1.5 * scale, height);
}

function step(by) {
  const at = last(words, clock + 0.0005);
  const to = Math.max(0, Math.min(words.length - 1, by < 0 && at >= 0 && clock > words[at].start + 0.25 ? at : at + by));
  if (words.length) seek(words[to].start);
}

function leap(by) {
  const at = last(words, clock + 0.0005);
  const to = Math.max(0, Math.min(data.segments.length - 1, (at < 0 ? -1 : words[at].segment) + by));
  if (data.segments.length) seek(data.segments[to].start);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const speed = (factor) => { media.playbackRate = Math.max(0.25, Math.min(4, media.playbackRate * factor)); };
  const keys = {
    " ": () => { if (data.media) { if (media.paused) media.play(); else media.pause(); } },
    ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => leap(1), ArrowUp: () => leap(-1),
    "+": () => speed(1.25), "-": () => speed(0.8),
  };
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
}

build();
if (data.media) {
  media.hidden = false;
  media.addEventListener("loadedmetadata", () => { media.classList.toggle("sound", !media.videoWidth); });
  for (const name of ["timeupdate", "seeked", "seeking"]) media.addEventListener(name, () => show(media.currentTime, true));
  const follow = () => { if (!media.paused) { show(media.currentTime, true); requestAnimationFrame(follow); } };
  media.addEventListener("play", follow);
  media.src = data.media;
}
document.getElementById("text").addEventListener("click", (event) => {
  const word = event.target.closest(".word");
  if (word) seek(words[Number(word.dataset.index)].start);
});
canvas.addEventListener("click", (event) => {
  const box = canvas.getBoundingClientRect();
  seek(clock - SPAN / 2 + (event.clientX - box.left) / box.width * SPAN);
});
document.addEventListener("keydown", press);
window.addEventListener("resize", draw);
show(0, false);
