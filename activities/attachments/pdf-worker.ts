import { parentPort, workerData } from 'node:worker_threads';
import { getDocumentProxy } from 'unpdf';
import type { PdfJob, PdfText } from './pdf.ts';

// A thread of its own: what a file makes of the parser stays in here (pdf.ts ends it).

async function read({ bytes, pages, length }: PdfJob): Promise<PdfText> {
  const document = await getDocumentProxy(bytes, {
    disableFontFace: true,
    useSystemFonts: false,
    stopAtErrors: false,
    verbosity: 0,
  });
  const found: string[] = [];
  let total = 0;
  const last = Math.min(document.numPages, pages);
  let number = 0;
  while (number < last && total < length) {
    number += 1;
    const page = await document.getPage(number);
    const { items } = await page.getTextContent();
    const text = items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join('');
    page.cleanup();
    found.push(text.trim());
    total += text.length + 2;
  }
  return { kind: 'text', text: found.join('\n\n').slice(0, length).trim(), pages: document.numPages, read: number };
}

const answer = await read(workerData as PdfJob).catch((error: unknown): PdfText => {
  const isLocked = error instanceof Error && error.name === 'PasswordException';
  return { kind: isLocked ? 'locked' : 'broken' };
});
parentPort?.postMessage(answer);
