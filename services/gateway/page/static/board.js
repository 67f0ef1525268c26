// A post is moved by dragging it onto a slot, or by the dialog; both ask the house the same, and both can be undone.
"use strict";

const board = { dragged: null, moved: "" };
const dialog = document.getElementById("move"), told = document.getElementById("said");

function tell(text) {
  // A no of the page itself: nothing was asked, and nothing moves.
  const line = document.createElement("p");
  line.className = "bad";
  line.textContent = text;
  told.replaceChildren(line);
}

// Dragging.

function over(target) {
  document.querySelectorAll(".aimed").forEach((each) => each !== target && each.classList.remove("aimed"));
  target?.classList.add("aimed");
}

function place(target) {
  // Where a post may land: a free slot of its own row. Everything else is answered in a sentence.
  const own = board.dragged.closest("tr"), row = target.closest(".week tbody tr"), cell = target.closest("td");
  if (!row || !cell) return tell("That is no day of the week. Nothing was moved.");
  if (row !== own) return tell(`A post stays with its channel: this one is for ${own.dataset.title}, not for ${row.dataset.title}. Nothing was moved.`);
  if (!cell.dataset.day) return tell("A post keeps its slot until it has another. Nothing was moved.");
  const aimed = target.closest(".slot");
  if (!aimed && cell === board.dragged.closest("td")) return undefined;
  const slot = aimed ?? cell.querySelector(".slot.is-free");
  if (!slot) return tell(cell.dataset.none);
  // A cap may be used up by the very post that leaves its slot: whether it is, the house knows.
  const full = slot.matches(".is-full") && board.dragged.closest("td[data-day]");
  if (!full && !slot.matches(".is-free")) return tell(`${slot.textContent} on ${cell.dataset.name} ${slot.dataset.why}. Nothing was moved.`);
  const form = document.getElementById("drop"), { post, version } = board.dragged.dataset;
  for (const [name, value] of Object.entries({ post, version, slot: slot.dataset.at })) form.elements[name].value = value;
  return form.requestSubmit();
}

document.addEventListener("dragstart", (event) => {
  const card = event.target.closest?.(".card[draggable]");
  if (!card) return;
  if (card.dataset.fixed) {
    event.preventDefault();
    tell(card.dataset.fixed);
    return;
  }
  board.dragged = card;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", card.dataset.post);
  // The slots open up once the drag has begun: a browser gives up a drag whose source moves at once.
  setTimeout(() => board.dragged?.closest("tr").classList.add("moving"));
});

document.addEventListener("dragover", (event) => {
  if (!board.dragged) return;
  event.preventDefault();
  // Anywhere may be aimed at, so that a no can be said of it.
  event.dataTransfer.dropEffect = "move";
  const row = event.target.closest?.("tr.moving");
  over(row && (event.target.closest(".slot.is-free, .slot.is-full") ?? event.target.closest("td[data-day]")));
});

document.addEventListener("drop", (event) => {
  if (!board.dragged) return;
  event.preventDefault();
  place(event.target);
});

document.addEventListener("dragend", () => {
  board.dragged = null;
  over(null);
  document.querySelectorAll(".moving").forEach((each) => each.classList.remove("moving"));
});

// The dialog.

document.addEventListener("htmx:after:swap", (event) => {
  const target = event.detail.ctx?.target;
  if (target === dialog) {
    dialog.showModal();
    dialog.querySelector("select, input:not([type=hidden]), button")?.focus();
  }
  if (target !== told) return;
  const bad = told.querySelector(".bad"), undo = told.querySelector(".undo");
  if (undo) board.moved = undo.form.elements.post.value;
  if (bad && dialog.open) dialog.querySelector(".answer")?.replaceChildren(bad);
  const saved = !bad && event.detail.ctx?.sourceElement?.closest("#preview");
  if (saved) {
    // What was previewed is done: the next change is previewed anew.
    saved.replaceChildren();
    document.getElementById("name").focus({ preventScroll: true });
  }
  const dropped = event.detail.ctx?.sourceElement?.id === "drop";
  if (!bad && (dialog.open || (undo && !dropped))) {
    // Whoever moved it by a form stands at its way back now; a mouse stays where it is.
    dialog.close();
    (undo ?? document.getElementById(`move-${board.moved}`))?.focus();
  } else if (!bad && !undo && document.activeElement === document.body) {
    back();
  }
});

function back() {
  // To the post that was moved, wherever it stands now.
  (document.getElementById(`move-${board.moved}`) ?? document.getElementById("name"))?.focus();
}

dialog?.addEventListener("close", () => dialog.replaceChildren());

document.addEventListener("click", (event) => {
  if (event.target.closest?.("dialog .close") || event.target === dialog) dialog.close();
  if (!event.target.closest?.(".dismiss")) return;
  told.replaceChildren();
  back();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !told?.contains(document.activeElement)) return;
  told.replaceChildren();
  back();
});

document.addEventListener("input", (event) => {
  // Who fills in a way has chosen it.
  const way = event.target.closest?.("dialog .way");
  if (way && event.target.type !== "radio") way.querySelector("[type=radio]").checked = true;
});

// A preview is of what was typed; whoever types on previews again before it can be saved.
for (const kind of ["input", "change"]) document.addEventListener(kind, (event) => {
  if (event.target.closest?.("#choices")) document.getElementById("preview")?.replaceChildren();
});
