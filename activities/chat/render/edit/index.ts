export { type Control, controlsOf, findControl, type Group, type Leaf } from './fields.ts';
export { type Read, readControls, shownIn, visibleJson } from './read.ts';
