
/* Zoom: an image fits the stage at first. The wheel, two fingers, + and - change its size, a drag moves it. A swipe with one finger
   goes to the next file. */

const MOST = 64; // screen pixels per pixel of the image
let shown = null; // the image: its element, the scale (1 fits) and how far it was moved

/** Screen pixels per pixel of the image when it fits the stage. */
const fitting = () => {
  const width = parseFloat(getComputedStyle(shown.image).width); // without the transform, and not rounded
  return width / (shown.image.naturalWidth || width);
};
const percent = () => `${Math.round(fitting() * shown.scale * 100)} %`;

function draw() {
  const { image, scale } = shown;
  const stage = image.parentElement;
  shown.loose = false;
  for (const [axis, length] of [['x', 'Width'], ['y', 'Height']]) {
    const room = Math.max(0, (image[`offset${length}`] * scale - stage[`client${length}`]) / 2);
    if (room > 1) shown.loose = true;
    shown[axis] = Math.min(room, Math.max(-room, shown[axis]));
  }
  image.style.transform = scale === 1 ? '' : `translate(${shown.x}px, ${shown.y}px) scale(${scale})`;
  image.style.backgroundSize = scale === 1 ? '' : `${16 / scale}px ${16 / scale}px`; // the checkerboard keeps its size
  image.classList.toggle('zoomed', shown.loose);
  image.classList.toggle('scaled', scale !== 1);
  image.classList.toggle('pixels', !image.classList.contains('vector') && fitting() * scale >= 2);
}

/** Scales to `scale` times the fitting size. The point of the image at (x, y) in the window stays there. */
function zoom(scale, x, y) {
  if (!shown?.image.offsetWidth) return;
  const largest = Math.max(4, MOST / fitting());
  const next = Math.min(largest, Math.max(Math.min(1, 1 / fitting()), scale));
  const box = shown.image.parentElement.getBoundingClientRect();
  const [middleX, middleY] = [box.left + box.width / 2, box.top + box.height / 2];
  const [fromX, fromY] = [(x ?? middleX) - middleX, (y ?? middleY) - middleY];
  const by = next / shown.scale;
  shown.x = fromX - (fromX - shown.x) * by;
  shown.y = fromY - (fromY - shown.y) * by;
  shown.scale = Math.abs(next - 1) < .01 ? 1 : next;
  draw();
  say(percent());
}

/** Toggles between the actual and the fitting size. An image that fits at its actual size is doubled. */
function toggleZoom(x, y) {
  if (!shown?.image.offsetWidth) return;
  const actual = 1 / fitting();
  zoom(shown.scale !== 1 ? 1 : actual > 1.01 ? actual : 2, x, y);
}

/** Makes this image the one to zoom. A tiny image starts enlarged by a whole number, so that it is visible. */
function zoomable(image) {
  shown = { image, scale: 1, x: 0, y: 0 };
  const longer = Math.max(image.naturalWidth, image.naturalHeight);
  if (longer && longer <= 64 && !image.classList.contains('vector')) {
    const { clientWidth, clientHeight } = image.parentElement;
    shown.scale = Math.max(1, Math.floor(Math.min(256, clientWidth - 48, clientHeight - 48) / longer));
  }
  draw();
}

/* Fingers and the mouse. */

const pointers = new Map();
let start = null; // the start of a gesture: its position, and what was shown
const SWIPE = 50;

const distance = ([a, b]) => Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);

function down(event) {
  if (event.button || event.target.closest('audio')) return;
  if (event.pointerType === 'mouse' && event.target.closest('pre')) return; // the user selects text
  // the lower edge of a video has its controls
  const video = event.target.closest('video')?.getBoundingClientRect();
  if (video && event.clientY > video.bottom - 80) return;
  pointers.set(event.pointerId, event);
  const fingers = [...pointers.values()];
  start = { event, fingers, shown: shown && { ...shown }, moved: false };
  if (event.target === shown?.image) {
    event.preventDefault(); // keeps the image from being dragged out of the page
    event.target.setPointerCapture(event.pointerId);
  }
}

function move(event) {
  if (!pointers.has(event.pointerId)) return;
  pointers.set(event.pointerId, event);
  const fingers = [...pointers.values()];
  const [x, y] = [event.clientX - start.event.clientX, event.clientY - start.event.clientY];
  if (Math.hypot(x, y) > 4) start.moved = true;
  if (!shown || !start.shown) return;
  if (fingers.length === 2) {
    const [a, b] = fingers;
    zoom(start.shown.scale * distance(fingers) / distance(start.fingers), (a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2);
  } else if (shown.loose && event.target === shown.image) {
    shown.image.classList.add('dragged');
    shown.x = start.shown.x + x;
    shown.y = start.shown.y + y;
    draw();
  }
}

function up(event) {
  if (!pointers.delete(event.pointerId)) return;
  shown?.image.classList.remove('dragged');
  const [x, y] = [event.clientX - start.event.clientX, event.clientY - start.event.clientY];
  const swiped = event.type === 'pointerup' && event.pointerType !== 'mouse' && start.fingers.length === 1
    && Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y) && !shown?.loose;
  if (swiped) step(x < 0 ? 1 : -1);
}

/** Listens for events on the stage of the preview. */
function gestures(stage) {
  stage.onpointerdown = down;
  stage.onpointermove = move;
  stage.onpointerup = stage.onpointercancel = up;
  stage.addEventListener('wheel', event => {
    if (event.target.closest('pre')) return; // a text scrolls
    event.preventDefault();
    if (shown) zoom(shown.scale * Math.exp(-event.deltaY * (event.deltaMode ? .05 : .002)), event.clientX, event.clientY);
  }, { passive: false });
  stage.onclick = event => {
    const dragged = start?.moved;
    start = null;
    if (dragged) return;
    if (event.target === shown?.image) toggleZoom(event.clientX, event.clientY);
    else if (event.target === stage) close();
  };
}
