// What the worker bundles: every workflow function, nothing else.
export { fetchDocument, listModules, testConnection } from './ask.ts';
export { speakHome } from './home.ts';
export { request } from './request.ts';
