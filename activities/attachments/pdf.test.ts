import { expect, test } from 'vitest';
import { readPdf } from './pdf.ts';
import { pdfOf } from './pdf.fixture.ts';

const never = new AbortController().signal;

test('the text of a PDF is read, page by page', async () => {
  const pdf = pdfOf(['Invoice INV-77', 'Total 4200 EUR']);
  expect(await readPdf(pdf, never)).toEqual({
    kind: 'text',
    text: 'Invoice INV-77\n\nTotal 4200 EUR',
    pages: 2,
    read: 2,
  });
});

test('of a long PDF only the first pages are read, and it is said how many there are', async () => {
  const pdf = pdfOf(Array.from({ length: 60 }, (_, at) => `page ${at + 1}`));
  expect(await readPdf(pdf, never)).toMatchObject({
    pages: 60,
    read: 50,
    text: expect.not.stringContaining('page 51'),
  });
  expect(await readPdf(pdf, never, { length: 20 })).toMatchObject({ text: 'page 1\n\npage 2\n\npage' });
});

test('a PDF that unpacks into gigabytes is ended, and the process lives on', async () => {
  const bomb = pdfOf(['small'], { padding: 300_000_000 });
  expect(bomb.length).toBeLessThan(1_000_000);
  expect(await readPdf(bomb, never, { memoryBytes: 100_000_000 })).toEqual({ kind: 'too much' });
  expect(await readPdf(pdfOf(['next']), never)).toMatchObject({ text: 'next' });
});

test('a PDF that takes too long is ended', async () => {
  expect(await readPdf(pdfOf(['slow']), never, { withinMs: 1 })).toEqual({ kind: 'too much' });
});

test('a damaged PDF is no failure', async () => {
  expect(await readPdf(Buffer.from('%PDF-1.4\nand then nothing of the kind'), never)).toEqual({ kind: 'broken' });
  expect(await readPdf(pdfOf(['cut']).subarray(0, 60), never)).toEqual({ kind: 'broken' });
});

test('who stops does not wait for a PDF', async () => {
  const stop = new AbortController();
  const reading = readPdf(pdfOf(['x'], { padding: 50_000_000 }), stop.signal);
  stop.abort(new Error('stopped'));
  await expect(reading).rejects.toThrow('stopped');
});

test('who stops does not wait for the PDFs before either', async () => {
  const before = readPdf(pdfOf(['x'], { padding: 300_000_000 }), never, { memoryBytes: 1e12, withinMs: 3_000 });
  const stop = new AbortController();
  const began = performance.now();
  const reading = readPdf(pdfOf(['y']), stop.signal);
  stop.abort(new Error('stopped'));
  await expect(reading).rejects.toThrow('stopped');
  expect(performance.now() - began).toBeLessThan(200);
  await before;
});
