// The page hears that something happened and asks again for what it shows; what it shows comes from the house alone.
"use strict";

const live = document.getElementById("live");
let ringing = 0;

function ring() {
  // Many facts in one breath are one look.
  clearTimeout(ringing);
  ringing = setTimeout(() => htmx.trigger(document.body, "facts"), 150);
}

function show(text, state) {
  live.textContent = text;
  live.dataset.state = state;
}

if (live) {
  const source = new EventSource("/v1/events?live=1");
  source.onopen = () => show("live", "live");
  source.onerror = () => show("not connected, trying again", "lost");
  source.onmessage = ring;
  source.addEventListener("fact", ring);
}
