// Hands what is typed to the server while it is typed: Streamlit itself sends a field only when it is left.
//
// The function gets {data: {who, example, screen, fields, ack, ended}}: fields maps the container of each field
// to its name, ack is the last batch that the server keeps, ended has for rows left or decided the screen that
// was. What is not acknowledged yet also lies in the tab's session storage: it outlives a reload and a lost
// connection, and is sent again when the row is back on the screen.

const PAUSE = 350; // milliseconds without a key until a batch is sent
const LONGEST = 1000; // and at most this long after the first key
const AGAIN = 4000; // sent again when not acknowledged by then

let state = null;
let send = () => {};
let count = 0;
let timers = { pause: 0, longest: 0, again: 0 };
let stopListening = () => {};

const place = (who, example) => `gristmill:${who}:${example}`;

const read = (key) => {
  try {
    return JSON.parse(sessionStorage.getItem(key) || "null");
  } catch {
    return null;
  }
};

const write = (key, value) => {
  try {
    if (value) sessionStorage.setItem(key, JSON.stringify(value));
    else sessionStorage.removeItem(key);
  } catch {
    // a full or forbidden storage costs the second copy only
  }
};

const texts = () => {
  const found = {};
  for (const [css, name] of Object.entries(state.fields)) {
    const field = document.querySelector(`.st-key-${css} :is(textarea, input)`);
    if (field) found[name] = field.value;
  }
  return found;
};

const clear = () => Object.values(timers).forEach(clearTimeout);

const flush = () => {
  clear();
  timers.longest = 0;
  const waiting = state && read(place(state.who, state.example));
  if (!waiting || waiting.screen !== state.screen) return;
  send(waiting);
  timers.again = setTimeout(flush, AGAIN);
};

const onInput = (event) => {
  const mine = state && Object.keys(state.fields).some((css) => event.target.closest?.(`.st-key-${css}`));
  if (!mine) return;
  count += 1;
  const { who, example, screen } = state;
  write(place(who, example), { example, screen, batch: count, texts: texts() });
  clearTimeout(timers.pause);
  timers.pause = setTimeout(flush, PAUSE);
  if (!timers.longest) timers.longest = setTimeout(flush, LONGEST);
};

const onHidden = () => {
  if (document.visibilityState === "hidden") flush();
};

const settle = (data) => {
  const key = place(data.who, data.example);
  const waiting = read(key);
  if (!waiting) return;
  if (waiting.screen === data.screen) {
    if (data.ack >= waiting.batch) {
      write(key, null);
      clearTimeout(timers.again);
    }
  } else {
    // typed on a screen that is gone: before a reload, or while nobody was there to listen
    write(key, { ...waiting, screen: data.screen, recovered: true, batch: ++count });
    clear();
    timers.pause = setTimeout(flush, 50);
  }
};

export default function ({ data, setTriggerValue }) {
  stopListening();
  send = (batch) => setTriggerValue("typed", batch);
  if (state && state.screen !== data.screen) clear();
  state = data;
  for (const [example, screen] of Object.entries(data.ended)) {
    const key = place(data.who, example);
    if (read(key)?.screen === screen) write(key, null);
  }
  if (data.example) settle(data);
  // The screen before may be taken down after this one is drawn: it must stop its own listeners only.
  const [input, hidden] = [(event) => onInput(event), () => onHidden()];
  document.addEventListener("input", input, true);
  document.addEventListener("visibilitychange", hidden);
  stopListening = () => {
    document.removeEventListener("input", input, true);
    document.removeEventListener("visibilitychange", hidden);
  };
  return stopListening;
}
