// Keys that Streamlit's own shortcuts cannot express, and two safeguards around those they can.
//
// The function gets {data: {shown, mode, example, keys}}: the id of the screen and its mode, the row on it,
// and for each extra key the container whose button it presses. Being drawn last, it writes the screen that
// is complete into data-gm-keys of the root element.

// A second press of a double press must not decide the row that came up meanwhile, unseen: after a press the
// verdict bar rests until the next screen is complete, and for a moment longer.
const REST = 400; // milliseconds a new row is shown before it can be decided: nobody reads one quicker
const TURN = 250; // milliseconds the pointer rests when the bar gets other buttons for the same row
const AT_MOST = 1500; // a press that led to no new screen holds the bar no longer than this
const FREE = /^(Previous|Next|Back|Done)\b/;

let lastShown = null;
let lastExample = null;
let restingUntil = 0;
let pointerRestsUntil = 0;
let lastKey = "";
let lastKeyAt = 0;
let ready = 0;
let stopListening = () => {};

const typing = () => {
  const el = document.activeElement;
  return !!el && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName));
};

// The panes end where the verdict bar begins, however many lines it has.
const bar = new ResizeObserver(([entry]) => {
  document.documentElement.style.setProperty("--gm-bar", `${entry.target.offsetHeight}px`);
});

const buttonOf = (name) => document.querySelector(`.st-key-${name} button`);

const stop = (event) => {
  event.stopImmediatePropagation();
  event.preventDefault();
};

const resting = () => performance.now() < restingUntil;

// A key held down would decide one row after the other, and a key meant for a window the row behind it.
const guard = (event) => {
  if (event.ctrlKey && event.key === "Enter" && (event.repeat || resting())) stop(event);
  if (event.key.length !== 1 || typing()) return;
  const free = /^[pn?dh]$/i.test(event.key);
  const twice = event.key === lastKey && performance.now() - lastKeyAt < AT_MOST;
  const early = (resting() || twice) && !free;
  if (event.repeat || document.querySelector('[role="dialog"]') || early) stop(event);
  else [lastKey, lastKeyAt] = [event.key, performance.now()];
};

// Sees the clicks that shortcuts make as well.
const guardClick = (event) => {
  const button = event.target.closest?.(".st-key-gm_verdict button");
  if (!button || FREE.test(button.innerText.trim())) return;
  const byHand = event.detail > 0 && performance.now() < pointerRestsUntil;
  if (resting() || byHand) stop(event);
  else restingUntil = performance.now() + AT_MOST;
};

// The bar is free again when a screen is complete: for keys at once if it shows the same row, else after a
// moment; for the pointer after a moment always, because another button may have come under it.
const release = ({ shown, mode, example }) => {
  clearTimeout(ready);
  const rest = example === lastExample ? 0 : REST;
  lastKey = "";
  lastExample = example;
  restingUntil = performance.now() + rest;
  pointerRestsUntil = performance.now() + Math.max(rest, TURN);
  const tell = () => {
    const shownBar = document.querySelector(".st-key-gm_verdict");
    bar.disconnect();
    if (shownBar) bar.observe(shownBar);
    document.documentElement.dataset.gmKeys = `${shown} ${mode}`;
  };
  if (rest) ready = setTimeout(tell, rest);
  else tell();
};

const press = (name, event) => {
  const button = buttonOf(name);
  if (!button || button.disabled) return;
  event.preventDefault();
  // Leaving the field first hands its text over to the form.
  if (typing()) document.activeElement.blur();
  requestAnimationFrame(() => button.click());
};

// A window closes on Escape by itself only while it has the focus, which it can lose to a rerun.
const closeWindow = () => {
  const dialog = document.querySelector('[role="dialog"]:has(.gm-keys)');
  if (dialog && !dialog.contains(document.activeElement)) dialog.querySelector("button").click();
};

// Scrolls a pane only if its first piece of evidence is out of sight.
const bringIntoSight = (pane) => {
  pane.scrollTop = 0;
  const mark = pane.querySelector("mark.gm-evidence");
  if (!mark) return;
  const below = mark.getBoundingClientRect().bottom - pane.getBoundingClientRect().bottom;
  if (below > -40) pane.scrollTop = below + pane.clientHeight / 2;
};

// The row may be drawn after this runs: wait until its passage is there.
const showEvidence = (shown, example, tries = 40) => {
  if (!example || shown === lastShown) return;
  if (document.querySelector(`[data-example="${CSS.escape(example)}"]`)) {
    lastShown = shown;
    document.querySelectorAll(".st-key-gm_left, .st-key-gm_right").forEach(bringIntoSight);
  } else if (tries) {
    setTimeout(() => showEvidence(shown, example, tries - 1), 50);
  }
};

export default function ({ data }) {
  // Called on every rerun, but what it returned is only called at the very end.
  stopListening();
  const onKey = (event) => {
    if (event.repeat || event.altKey || event.metaKey) return;
    if (event.key === "Escape") closeWindow();
    if (event.ctrlKey) {
      if (event.key === "Enter") press("gm_confirm", event);
      return;
    }
    const name = typing() ? undefined : (data.keys || {})[event.key];
    if (name) press(name, event);
  };
  const [key, click] = [(event) => guard(event), (event) => guardClick(event)];
  window.addEventListener("keydown", key, true);
  window.addEventListener("click", click, true);
  document.addEventListener("keydown", onKey);
  stopListening = () => {
    window.removeEventListener("keydown", key, true);
    window.removeEventListener("click", click, true);
    document.removeEventListener("keydown", onKey);
  };
  showEvidence(data.shown, data.example);
  release(data);
  return stopListening;
}
