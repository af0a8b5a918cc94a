import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { ATTACHMENT_LIMITS } from './limits.ts';

export interface PdfJob {
  bytes: Uint8Array;
  pages: number;
  length: number;
}
export type PdfText =
  | { kind: 'text'; text: string; pages: number; read: number }
  | { kind: 'locked' }
  | { kind: 'broken' }
  /** It took too much time or memory. */
  | { kind: 'too much' };

interface Bounds {
  pages: number;
  length: number;
  withinMs: number;
  memoryBytes: number;
}
const BOUNDS: Bounds = {
  pages: ATTACHMENT_LIMITS.pdfPages,
  length: ATTACHMENT_LIMITS.textLength,
  withinMs: ATTACHMENT_LIMITS.pdfMs,
  memoryBytes: ATTACHMENT_LIMITS.pdfMemoryBytes,
};
const LOOK_MS = 100;
/** Of the JavaScript heap; buffers are counted by looking. */
const HEAP_MB = 256;

let last: Promise<unknown> = Promise.resolve();

/**
 * The text of a PDF, read in a thread of its own that is ended when it takes too long or grows too large: nothing a file does holds up the process.
 * One at a time. Never throws for the file's sake; throws the signal's reason.
 */
export function readPdf(bytes: Uint8Array, signal: AbortSignal, bounds: Partial<Bounds> = {}): Promise<PdfText> {
  const turn = last.then(() => parse(bytes, signal, { ...BOUNDS, ...bounds }));
  last = turn.catch(() => undefined);
  return orAborted(turn, signal);
}

/** Who stops does not wait for those before either. */
async function orAborted<T>(turn: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const ended = new AbortController();
  const aborted = once(signal, 'abort', { signal: ended.signal }).then(
    () => Promise.reject<T>(signal.reason),
    () => turn,
  );
  try {
    return await Promise.race([turn, aborted]);
  } finally {
    ended.abort();
  }
}

async function parse(
  bytes: Uint8Array,
  signal: AbortSignal,
  { withinMs, memoryBytes, ...job }: Bounds,
): Promise<PdfText> {
  signal.throwIfAborted();
  const worker = new Worker(new URL('./pdf-worker.ts', import.meta.url), {
    // A copy: a piece of a larger buffer would take all of it along.
    workerData: { bytes: new Uint8Array(bytes), ...job } satisfies PdfJob,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    execArgv: [],
    env: {},
    // What the parser prints may quote the file: it goes nowhere.
    stdout: true,
    stderr: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();
  const ended = new AbortController();
  const tooMuch = { kind: 'too much' } as const;
  try {
    return await new Promise<PdfText>((resolve, reject) => {
      worker.once('message', (answer: PdfText) => resolve(answer));
      // Out of its heap, or broken in a way that no exception told.
      worker.once('error', (error: Error & { code?: string }) =>
        resolve(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooMuch : { kind: 'broken' }),
      );
      worker.once('exit', () => resolve({ kind: 'broken' }));
      const timer = setTimeout(() => resolve(tooMuch), withinMs);
      const look = setInterval(() => {
        void memoryOf(worker).then((used) => used > memoryBytes && resolve(tooMuch));
      }, LOOK_MS);
      const stop = (): void => reject(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      ended.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        clearInterval(look);
        signal.removeEventListener('abort', stop);
      });
    });
  } finally {
    ended.abort();
    await worker.terminate();
  }
}

/** Bytes of heap and buffers; 0 while it starts or once it has ended. */
async function memoryOf(worker: Worker): Promise<number> {
  try {
    const { used_heap_size: heap, external_memory: buffers } = await worker.getHeapStatistics();
    return heap + buffers;
  } catch {
    return 0;
  }
}
