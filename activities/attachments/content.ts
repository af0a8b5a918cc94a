import { cut, storable } from '#core/text.ts';
import { decodeText } from './decode.ts';
import { pictureOf, type ImageType } from './image.ts';
import { ATTACHMENT_LIMITS, inMb } from './limits.ts';
import { readPdf, type PdfText } from './pdf.ts';

interface Measured {
  /** When it was not known before. */
  name?: string;
  mimeType?: string;
  /** Of its bytes. */
  size?: number;
  sha256?: string;
}
export type Content = Measured &
  (
    | { status: 'read'; text?: string; image?: Uint8Array; note: string | null }
    /** With why, in a sentence for people and models. */
    | { status: 'skipped'; note: string }
  );

export const skipped = (note: string): Content => ({ status: 'skipped', note });

const READABLE = 'I can read text, CSV, JSON, source code, PDF, and PNG, JPEG, GIF or WebP pictures.';

/** What is in a file, by its bytes and not by its name or what it is said to be. Throws the signal's reason only. */
export async function readContent(
  bytes: Uint8Array,
  { mimeType, size }: { mimeType: string; size: number },
  { images, signal }: { images: number; signal: AbortSignal },
): Promise<Content> {
  if (bytes.length === 0) return skipped('It is empty.');
  const picture = pictureOf(bytes);
  if (picture) return readPicture(bytes, picture, images);
  if (/^\s{0,64}%PDF-/.test(Buffer.from(bytes.subarray(0, 80)).toString('latin1')))
    return ofPdf(await readPdf(bytes, signal));
  const other = OTHERS.find(({ mark }) => mark.test(Buffer.from(bytes.subarray(0, 16)).toString('hex')));
  if (other) return skipped(`It is ${other.what}. ${READABLE}`);
  const text = decodeText(bytes);
  if (text === null) return skipped(`It is not text. ${READABLE}`);
  const isHtml = /^\s*(<\?xml[^>]*>\s*)?(<!--[^]*?-->\s*)?<(!doctype html|html)\b/i.test(text.slice(0, 2_000));
  // A page of another size, or where no page was promised, is the platform asking for a login.
  if (isHtml && (mimeType !== 'text/html' || (size > 0 && size !== bytes.length)))
    return skipped('A web page came in its place, so the app may not read files here. An admin can add that right.');
  return ofText(text, mimeType);
}

/** What is often sent and cannot be read, by the hex of its first 16 bytes. Anything else that is no text needs no mark. */
const OTHERS: readonly { mark: RegExp; what: string }[] = [
  { mark: /^504b0304/, what: 'a ZIP archive or an Office document' },
  { mark: /^d0cf11e0/, what: 'an Office document' },
  { mark: /^(1f8b|52617221|377abcaf|425a68|fd377a58)/, what: 'an archive' },
  { mark: /^(7f454c46|4d5a.*00|cafebabe|c[ef]faedfe)/, what: 'a program' },
  { mark: /^(494433|4f676753|664c6143|52494646.{8}57415645)/, what: 'a sound recording' },
  { mark: /^(.{8}66747970|1a45dfa3|52494646.{8}41564920)/, what: 'a video or sound recording' },
  { mark: /^7b5c727466/, what: 'a rich text document' },
];

function readPicture(
  bytes: Uint8Array,
  { mimeType, width, height }: { mimeType: ImageType; width: number; height: number },
  before: number,
): Content {
  const { images, imageBytes, imageSide } = ATTACHMENT_LIMITS;
  if (before >= images) return skipped(`Only the first ${images} pictures of a message are looked at.`);
  if (bytes.length > imageBytes)
    return skipped(`The picture has ${inMb(bytes.length)}; those up to ${inMb(imageBytes)} are looked at.`);
  if (Math.max(width, height) > imageSide || Math.min(width, height) < 1)
    return skipped(`The picture has ${width} × ${height} pixels; up to ${imageSide} a side are looked at.`);
  return { status: 'read', mimeType, image: bytes, note: null };
}

function ofText(text: string, claimed: string): Content {
  const kept = storable(text.replace(/^\ufeff/, ''));
  const mimeType = /^(text\/(?!html)|application\/(json|xml|yaml|x-yaml|csv))/.test(claimed) ? claimed : 'text/plain';
  return { status: 'read', mimeType, ...shortened(kept) };
}

function shortened(text: string): { text: string; note: string | null } {
  const most = ATTACHMENT_LIMITS.textLength;
  const note = text.length > most ? `Only its first ${most} of ${text.length} characters were kept.` : null;
  return { text: cut(text, most), note };
}

function ofPdf(pdf: PdfText): Content {
  if (pdf.kind === 'locked') return skipped('The PDF is locked with a password. Send one that is not.');
  if (pdf.kind === 'broken') return skipped('The PDF is damaged and cannot be read. Send it as text or anew.');
  if (pdf.kind === 'too much')
    return skipped('The PDF takes too long or too much room to read. Send the part that matters.');
  if (pdf.text === '')
    return skipped('The PDF holds no text, as scans do not. Send it as pictures, or with its text recognised.');
  const { text, note } = shortened(storable(pdf.text));
  const part = pdf.read < pdf.pages ? `Only its first ${pdf.read} of ${pdf.pages} pages were read.` : note;
  return { status: 'read', mimeType: 'application/pdf', text, note: part };
}
