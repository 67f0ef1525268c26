// The page hears that something happened and asks again for what it shows; what it shows comes from the house alone.
"use strict";

// What the house renders may become part of the page; nothing that comes in may become a script (Trusted Types).
window.trustedTypes?.createPolicy("default", { createHTML: (html) => html });

const live = document.getElementById("live");
const saidFor = 8000, breath = 200, againAfter = 2000, againMax = 30000;
let ringing = 0, missed = false, fading = 0, acted = false, pause = againAfter;

function busy() {
  // Whoever is filling something in is left alone until it is sent or closed.
  return document.querySelector("main details.act[open], dialog[open], .moving") !== null || document.activeElement?.matches("main input:not([type=date]), main textarea");
}

function ring() {
  // Many facts in one breath are one look.
  ringing ||= setTimeout(() => {
    ringing = 0;
    missed = busy();
    if (!missed) htmx.trigger(document.body, "facts");
  }, breath);
}

function show(text, state) {
  if (live.dataset.state === state) return;
  live.textContent = text;
  live.dataset.state = state;
}

document.addEventListener("htmx:before:swap", (event) => {
  // Somebody began to fill something in while the answer was on its way: what they began is kept, and it is asked again.
  if (!event.detail.ctx?.sourceElement?.matches("[hx-trigger^=facts]") || !busy()) return;
  missed = true;
  event.preventDefault();
});

document.addEventListener("toggle", () => missed && ring(), true);
document.addEventListener("close", () => missed && ring(), true);
document.addEventListener("dragend", () => missed && ring());
document.addEventListener("focusout", () => missed && ring());
document.addEventListener("focusin", (event) => { acted = acted && event.target.id === "name"; });

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.activeElement?.closest("details.act[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});

document.addEventListener("htmx:after:swap", (event) => {
  const said = document.getElementById("said");
  if (event.detail.ctx?.target === said) {
    // What was said goes by itself; what was done closes its form, and the sheet looks again.
    clearTimeout(fading);
    // What can be taken back stays until it is read.
    if (!said.querySelector(".undo")) fading = setTimeout(() => said.replaceChildren(), saidFor);
    if (said.querySelector(".good")) {
      acted = true;
      document.querySelectorAll("main details.act[open]").forEach((each) => { each.open = false; });
      ring();
    }
  }
  // The button of an action that is done goes, and takes the focus with it: reading goes on at the name of the post.
  if (acted && document.activeElement === document.body) document.getElementById("name")?.focus({ preventScroll: true });
});

function listen() {
  const source = new EventSource("/v1/events?live=1");
  source.onopen = () => { pause = againAfter; show("live", "live"); ring(); };
  source.onerror = () => {
    show("not connected, trying again", "lost");
    // A house that is away is asked again by the browser; one that said no ends the feed for good.
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(again, pause);
    pause = Math.min(2 * pause, againMax);
  };
  source.addEventListener("fact", ring);
}

async function again() {
  // After a restart nobody is signed in any more; whoever is filling something in is left alone until it is closed.
  const answer = await fetch("/v1/accounts?limit=1").catch(() => undefined);
  if (answer?.status === 401 && !busy()) location.assign("/login");
  else listen();
}

if (live) listen();
