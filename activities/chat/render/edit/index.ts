export { type Control, controlsOf, findControl, type Leaf } from './fields.ts';
export { readControls, shownIn } from './read.ts';
