// Keys that Streamlit's own shortcuts cannot express, and two safeguards around those they can.
//
// The function gets {data: {shown, mode, example, keys}}: the id of the screen and its mode, the row on it,
// and for each extra key the container whose button it presses. Being drawn last, it writes the screen that
// is complete into data-gm-keys of the root element.

let lastShown = null;
let stopListening = () => {};

const typing = () => {
  const el = document.activeElement;
  return !!el && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName));
};

const buttonOf = (name) => document.querySelector(`.st-key-${name} button`);

// A key held down would decide one row after the other, and a key meant for a window the row behind it.
const guard = (event) => {
  if (event.key.length !== 1 || typing()) return;
  if (event.repeat || document.querySelector('[role="dialog"]')) {
    event.stopImmediatePropagation();
    event.preventDefault();
  }
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
  const below = mark ? mark.getBoundingClientRect().bottom - pane.getBoundingClientRect().bottom : 0;
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
  window.addEventListener("keydown", guard, true);
  document.addEventListener("keydown", onKey);
  stopListening = () => {
    window.removeEventListener("keydown", guard, true);
    document.removeEventListener("keydown", onKey);
  };
  showEvidence(data.shown, data.example);
  document.documentElement.dataset.gmKeys = `${data.shown} ${data.mode}`;
  return () => stopListening();
}
