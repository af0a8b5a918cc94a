// What a page needs beyond htmx. Everything works without it, less comfortably.
document.documentElement.classList.add('js');

const closest = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);

// Enter sends, Shift+Enter is a new line; not while an input method composes.
document.addEventListener('keydown', (event) => {
  const box = closest(event, 'textarea[data-enter-sends]');
  if (!box || event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (box.value.trim() !== '') box.form.requestSubmit();
});

// The box grows with its text.
const fit = (box) => {
  box.rows = Math.min(10, Math.max(1, box.value.split('\n').length));
};
document.addEventListener('input', (event) => {
  const box = closest(event, 'textarea[data-enter-sends]');
  if (box) fit(box);
  const select = closest(event, 'select[data-shows]');
  if (select) showChosen(select);
});

// A form part that belongs to one choice of a select hides with the others.
function showChosen(select) {
  for (const part of select.form.querySelectorAll('[data-for]')) {
    const isChosen = part.dataset.for.split(' ').includes(select.value);
    part.hidden = !isChosen;
    part.disabled = !isChosen;
  }
}

document.addEventListener('click', async (event) => {
  const menu = closest(event, '[data-menu]');
  if (menu) {
    const isOpen = document.body.classList.toggle('menu-open');
    menu.setAttribute('aria-expanded', String(isOpen));
    return;
  }
  const copy = closest(event, '[data-copy]');
  if (!copy) return;
  const field = document.querySelector(copy.dataset.copy);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    copy.textContent = 'Copied';
  } catch {
    copy.textContent = 'Press Ctrl+C';
  }
});

// A form is sent once: the second click of a double click does nothing.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.dataset.sent !== undefined && !form.hasAttribute('hx-post')) event.preventDefault();
  form.dataset.sent = '';
});
window.addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent;
});

// A thread stays at its end unless the reader has scrolled up.
const scroller = () => document.querySelector('[data-stick]');
let isAtEnd = true;
const toEnd = () => {
  const box = scroller();
  if (box) box.scrollTop = box.scrollHeight;
};
document.addEventListener(
  'scroll',
  (event) => {
    const box = scroller();
    if (event.target === box) isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  },
  true,
);

const ready = (root) => {
  for (const select of root.querySelectorAll('select[data-shows]')) showChosen(select);
  for (const box of root.querySelectorAll('textarea[data-enter-sends]')) fit(box);
};
document.addEventListener('htmx:after:swap', () => {
  ready(document);
  if (isAtEnd) toEnd();
});
document.addEventListener('htmx:after:request', (event) => {
  const form = event.target instanceof Element ? event.target.closest('form') : null;
  if (form) delete form.dataset.sent;
});

// The server is away: say so, and keep what was typed.
const say = (text) => {
  const box = document.querySelector('#toast');
  if (box) box.textContent = text;
};
document.addEventListener('htmx:error', () => say('The server could not be reached. Nothing was lost: try again.'));
document.addEventListener('htmx:after:request', (event) => {
  if (event.detail?.ctx?.response?.raw?.ok) say('');
});
// Access ended while the page was open.
document.addEventListener('gone', () => location.reload());

ready(document);
toEnd();
