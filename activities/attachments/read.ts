import { PlatformFailure } from '#core/errors.ts';
import { sha256 } from '#core/hash.ts';
import { endAttachment, heldAttachments, type HeldAttachment, type ReadAttachment } from '#db/attachments.ts';
import type { Run } from '#db/runs.ts';
import { slackNames, slackSelf, timeOfRequest } from '#db/thread-before.ts';
import { readThread, type Thread } from '#db/threads.ts';
import type { ActivityDeps } from '#activities/deps.ts';
import { readContent, skipped, type Content } from './content.ts';
import { insistently, tooLarge, whyNotFetched, type PlatformFiles } from './fetch-file.ts';
import { ATTACHMENT_LIMITS, inMb } from './limits.ts';
import { fileInfo } from './slack-file.ts';
import { readThreadBefore } from './thread-before.ts';

type Deps = Pick<ActivityDeps, 'db' | 'log' | 'files' | 'slack'>;
/** What the message has used of its room. */
interface Used {
  bytes: number;
  images: number;
}

/**
 * Reads what came with a run's message, once: each thing ends as read, or as skipped with a sentence that says why. A repeat goes on with what is
 * left. A file that cannot be had fails nothing. Throws what the database throws, or the signal's reason. Logs and results hold no word of a file.
 */
export function createReadAttachments({ db, log, files, slack }: Deps) {
  return async (run: Run, cancelled: AbortSignal): Promise<void> => {
    const { orgId, messageId, threadId } = run;
    const [rows, thread] = await db.withOrg(orgId, (org) =>
      Promise.all([heldAttachments(org, messageId), readThread(org, threadId)]),
    );
    if (!thread) return;
    const deadline = AbortSignal.timeout(ATTACHMENT_LIMITS.readingMs);
    const signal = AbortSignal.any([cancelled, deadline]);
    const used: Used = { bytes: 0, images: 0 };
    for (const row of rows.filter(({ kind }) => kind === 'file')) count(used, row);
    for (const row of rows.filter(({ status }) => status === 'pending')) {
      const content = await inTime(() => read(row, { run, thread, used, signal }), { cancelled, deadline });
      const set = endOf(content);
      if (row.kind === 'file') count(used, set);
      await db.withOrg(orgId, (org) => endAttachment(org, row.id, set));
      log.info({ orgId, runId: run.id, attachmentId: row.id, status: content.status }, 'an attachment was looked at');
    }
  };

  async function read(
    row: HeldAttachment,
    { run, thread, used, signal }: { run: Run; thread: Thread; used: Used; signal: AbortSignal },
  ): Promise<Content> {
    if (row.kind === 'thread') return readBefore(row, run, thread, signal);
    const from = files?.[thread.platform];
    if (!from) return skipped('Files cannot be read here. Write what matters in the message.');
    const at = { orgId: run.orgId, tenant: thread.tenant };
    const isKnown = row.url !== null && row.url !== '';
    return safely({ run, row, signal }, async () => {
      if (isKnown) return fetched(from, at, { ...row, url: row.url ?? '' }, { used, signal });
      if (thread.platform !== 'slack' || !slack) return skipped('It has no address to be fetched from.');
      const found = await insistently(() => fileInfo(slack, at, row.sourceId), signal);
      const { name, mimeType } = found;
      return { name, mimeType, ...(await fetched(from, at, found, { used, signal })) };
    });
  }

  async function readBefore(row: HeldAttachment, run: Run, thread: Thread, signal: AbortSignal): Promise<Content> {
    if (thread.platform !== 'slack' || !slack) return skipped('What was said before cannot be read here.');
    const { orgId } = run;
    const { tenant, channel, thread: root } = thread;
    const [before, self] = await db.withOrg(orgId, (org) =>
      Promise.all([timeOfRequest(org, run), slackSelf(org, tenant)]),
    );
    const namesOf = (ids: readonly string[]) => db.withOrg(orgId, (org) => slackNames(org, tenant, ids));
    const ask = { orgId, tenant, channel, root, before, self, namesOf };
    return safely({ run, row, signal }, () => readThreadBefore(slack, ask, signal));
  }

  /** Whatever a file or a platform's answer is like, the run goes on. The error's own words may quote it: only its name is logged. */
  async function safely(
    { run, row, signal }: { run: Run; row: HeldAttachment; signal: AbortSignal },
    work: () => Promise<Content>,
  ): Promise<Content> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PlatformFailure) return skipped(whyNotFetched(error, row.mimeType));
      const name = error instanceof Error ? error.name : typeof error;
      log.warn(
        { orgId: run.orgId, runId: run.id, attachmentId: row.id, error: name },
        'an attachment could not be read',
      );
      return skipped('It could not be read.');
    }
  }
}

async function fetched(
  from: PlatformFiles,
  at: { orgId: string; tenant: string },
  file: { url: string; size: number; mimeType: string },
  { used, signal }: { used: Used; signal: AbortSignal },
): Promise<Content> {
  const { fileBytes, messageBytes } = ATTACHMENT_LIMITS;
  if (file.size > fileBytes) return skipped(tooLarge(file.size));
  const left = messageBytes - used.bytes;
  if (file.size > left) return skipped(tooMuch());
  const maxBytes = Math.min(fileBytes, left);
  const { bytes } = await insistently(() => from.download(at, file.url, { maxBytes, signal }), signal);
  if (bytes.length > maxBytes) return skipped(maxBytes < fileBytes ? tooMuch() : tooLarge(bytes.length));
  const content = await readContent(bytes, file, { images: used.images, signal });
  return { ...content, size: bytes.length, sha256: sha256(bytes) };
}

/** The row's columns. What is no file has no bytes: its text is counted and hashed instead. */
function endOf(content: Content): ReadAttachment {
  const { status, note, name, mimeType, size, sha256: hash } = content;
  const text = content.status === 'read' ? content.text : undefined;
  return {
    status,
    note,
    ...(name !== undefined && { name }),
    ...(mimeType !== undefined && { mimeType }),
    ...(text !== undefined && { text, size: Buffer.byteLength(text), sha256: sha256(text) }),
    ...(content.status === 'read' && content.image && { image: content.image }),
    ...(size !== undefined && { size }),
    ...(hash !== undefined && { sha256: hash }),
  };
}

const tooMuch = (): string =>
  `The files of this message together have more than ${inMb(ATTACHMENT_LIMITS.messageBytes)}. Send it in another message.`;

/** Only what was fetched has a hash. */
function count(used: Used, { status, size = 0, mimeType = '', sha256: hash }: ReadAttachment): void {
  if (!hash) return;
  used.bytes += size;
  if (status === 'read' && mimeType.startsWith('image/')) used.images += 1;
}

async function inTime(
  work: () => Promise<Content>,
  { cancelled, deadline }: { cancelled: AbortSignal; deadline: AbortSignal },
): Promise<Content> {
  try {
    return await work();
  } catch (error) {
    cancelled.throwIfAborted();
    if (deadline.aborted) return skipped('There was no time left to read it. Send it again by itself.');
    throw error;
  }
}
