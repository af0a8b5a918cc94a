import { expect, test } from 'vitest';
import { readContent } from './content.ts';
import { ATTACHMENT_LIMITS } from './limits.ts';
import { pngOf } from './image.fixture.ts';
import { pdfOf } from './pdf.fixture.ts';

const read = (bytes: Uint8Array | string, mimeType = 'text/plain', { size = 0, images = 0 } = {}) =>
  readContent(
    typeof bytes === 'string' ? Buffer.from(bytes) : bytes,
    { mimeType, size },
    { images, signal: new AbortController().signal },
  );
const utf16 = (text: string): Buffer => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);

test.each<[string, Uint8Array | string, string]>([
  ['UTF-8', 'Grüße, 東京', 'Grüße, 東京'],
  ['UTF-8 with its mark', '\ufeffname;sum', 'name;sum'],
  ['UTF-16', utf16('Müller; 12,50 €'), 'Müller; 12,50 €'],
  ['UTF-16 the other way round', utf16('Müller').swap16(), 'Müller'],
  ['Latin-1', Buffer.from('Stra\u00dfe; M\u00fcller', 'latin1'), 'Straße; Müller'],
  ['Latin-1 as Windows has it', Buffer.from([0x80, 0x20, 0x35]), '€ 5'],
  [
    'UTF-8 with a damaged byte',
    Buffer.concat([Buffer.from('ä'.repeat(30)), Buffer.from([0xff])]),
    `${'ä'.repeat(30)}\ufffd`,
  ],
  ['nothing but blanks', ' \n\t\r\n', ' \n\t\r\n'],
])('a text in %s is read as it was meant', async (_, bytes, text) => {
  expect(await read(bytes)).toMatchObject({ status: 'read', text, note: null });
});

test('CSV, JSON and source code stay as they are, with the type they were sent as', async () => {
  const csv = 'number,amount\r\nINV-77,"4,200"\r\n';
  expect(await read(csv, 'text/csv')).toMatchObject({ status: 'read', text: csv, mimeType: 'text/csv' });
  expect(await read('{"a": [1]}', 'application/json')).toMatchObject({ mimeType: 'application/json' });
  expect(await read('#!/bin/sh\nrm -rf x\n', 'application/x-sh')).toMatchObject({
    status: 'read',
    mimeType: 'text/plain',
  });
});

test('a long text is cut, and it is said how much was left out', async () => {
  const content = await read('x'.repeat(ATTACHMENT_LIMITS.textLength + 5));
  expect(content).toMatchObject({
    text: expect.stringMatching(/x… \(5 more characters\)$/),
    note: 'Only its first 200000 of 200005 characters were kept.',
  });
});

test('what a file is, its bytes tell, not its name and not what it is said to be', async () => {
  expect(await read(pngOf(640, 480), 'text/csv')).toMatchObject({ status: 'read', mimeType: 'image/png' });
  expect(await read('just words', 'image/png')).toMatchObject({
    status: 'read',
    mimeType: 'text/plain',
    text: 'just words',
  });
  expect(await read(pdfOf(['Hello']), 'text/plain')).toMatchObject({ mimeType: 'application/pdf', text: 'Hello' });
  expect(await read('MZ is how this sentence begins', 'application/pdf')).toMatchObject({ status: 'read' });
});

test.each<[string, Buffer, string, string]>([
  [
    'an Office document',
    Buffer.from('PK\u0003\u0004'.padEnd(40, '\u0000')),
    'text/plain',
    'a ZIP archive or an Office document',
  ],
  ['a program', Buffer.from('7f454c4602010100', 'hex'), 'text/plain', 'a program'],
  ['a Windows program', Buffer.from('4d5a900003000000', 'hex'), 'image/png', 'a program'],
  ['a sound', Buffer.from('ID3\u0004\u0000 tune'), 'audio/mpeg', 'a sound recording'],
  ['a video', Buffer.from('\u0000\u0000\u0000\u0018ftypmp42'), 'image/jpeg', 'a video'],
  ['noise', Buffer.from(Array.from({ length: 400 }, (_, at) => (at * 7) % 32)), 'text/plain', 'It is not text.'],
])('%s is not read, and a sentence says what can be', async (_, bytes, mimeType, what) => {
  const content = await read(bytes, mimeType);
  expect(content).toMatchObject({ status: 'skipped', note: expect.stringContaining(what) });
  expect(content.note).toContain('I can read text, CSV, JSON, source code, PDF');
});

test('an empty file is told from one that cannot be read', async () => {
  expect(await read('')).toEqual({ status: 'skipped', note: 'It is empty.' });
});

test('a login page in the place of a file is not taken for the file', async () => {
  const page = '<!DOCTYPE html><html><head><title>Sign in to Slack</title>';
  expect(await read(page, 'text/csv')).toMatchObject({
    status: 'skipped',
    note: expect.stringContaining('A web page came'),
  });
  expect(await read(page, 'text/html', { size: 9_000 })).toMatchObject({ status: 'skipped' });
  expect(await read(page, 'text/html', { size: page.length })).toMatchObject({ status: 'read', text: page });
  expect(await read(`about <html>: ${page}`)).toMatchObject({ status: 'read' });
});

test('pictures are kept as bytes, of four kinds, by their own first bytes', async () => {
  const gif = Buffer.from(`GIF89a\u0002\u0000\u0002\u0000`.padEnd(40, '\u0000'), 'latin1');
  const webp = Buffer.concat([Buffer.from('RIFF\u0020\u0000\u0000\u0000WEBPVP8X'), Buffer.alloc(30)]);
  const jpeg = Buffer.from(`ffd8ffe00004aaaaffc0000b0800100020${'00'.repeat(30)}`, 'hex');
  for (const [bytes, mimeType] of [
    [pngOf(), 'image/png'],
    [gif, 'image/gif'],
    [webp, 'image/webp'],
    [jpeg, 'image/jpeg'],
  ] as const)
    expect(await read(bytes, 'application/octet-stream')).toEqual({
      status: 'read',
      mimeType,
      image: bytes,
      note: null,
    });
  // Called one, and without its marks.
  expect(await read(Buffer.from(`89504e47${'00'.repeat(40)}`, 'hex'), 'image/png')).toMatchObject({
    status: 'skipped',
  });
});

test('a picture that models refuse is not kept, with why', async () => {
  expect((await read(pngOf(8_001, 10))).note).toBe(
    'The picture has 8001 × 10 pixels; up to 8000 a side are looked at.',
  );
  expect((await read(pngOf(10, 10, 3_800_000))).note).toBe('The picture has 3.8 MB; those up to 3.8 MB are looked at.');
  expect((await read(pngOf(), 'image/png', { images: 4 })).note).toBe(
    'Only the first 4 pictures of a message are looked at.',
  );
});

test('a PDF without text says so, and one of many pages says how many were read', async () => {
  expect(await read(pdfOf(['']))).toMatchObject({
    status: 'skipped',
    note: expect.stringMatching(/^The PDF holds no text, as scans/),
  });
  expect(await read(pdfOf(Array.from({ length: 51 }, () => 'x')))).toMatchObject({
    status: 'read',
    note: 'Only its first 50 of 51 pages were read.',
  });
  expect(await read(Buffer.from('%PDF-1.7\nbroken'))).toMatchObject({
    status: 'skipped',
    note: expect.stringContaining('damaged'),
  });
});
