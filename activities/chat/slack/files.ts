import { z } from 'zod';
import type { PlatformApi } from '#core/chat.ts';
import type { Config } from '#core/config.ts';
import { PlatformFailure } from '#core/errors.ts';
import { sha256 } from '#core/hash.ts';
import type { SlackFile } from '#activities/chat/render/slack/index.ts';
import { readAnswer } from './answer.ts';
import { fileAddress } from './hosts.ts';

const UPLOAD_TIMEOUT_MS = 10_000;
const zSlot = z.object({ upload_url: z.string(), file_id: z.string() });
const zShares = z.record(z.string(), z.array(z.object({ ts: z.string() }))).optional();
const zShared = z.object({
  files: z
    .array(z.object({ shares: z.object({ public: zShares, private: zShares }).optional().catch(undefined) }))
    .default([]),
});

/** Sends bytes to an address that Slack has just handed out; no token goes there. Throws on anything but 2xx. */
export type Upload = (url: string, bytes: Uint8Array) => Promise<void>;

/** Refused 'not_slack' for an address that is none of Slack's own, as with everything that Slack names (hosts.ts). */
export const createUpload =
  (config: Pick<Config, 'SLACK_API_URL'>): Upload =>
  async (url, bytes) => {
    const at = fileAddress(config, url);
    if (!at) throw new PlatformFailure('refused', 'not_slack');
    const signal = AbortSignal.timeout(UPLOAD_TIMEOUT_MS);
    const body = new Uint8Array(bytes);
    const answer = await fetch(at, { method: 'POST', body, signal, redirect: 'error' });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`the upload was answered ${answer.status}`);
  };

/** The name under which a file is found again: its own, with what makes it unique. */
export function uniqueName(name: string, key: string, part: number): string {
  const mark = sha256(`${key}:${part}`).slice(0, 8);
  const dot = name.lastIndexOf('.');
  return dot > 0 ? `${name.slice(0, dot)}-${mark}${name.slice(dot)}` : `${name}-${mark}`;
}

/** Uploads a file and shows it in a thread; the message's ts, or the file's id where Slack does not say. Only the last of three steps shows anything. */
export async function shareFile(
  { slack, upload }: { slack: PlatformApi; upload: Upload },
  at: { orgId: string; tenant: string; channel: string; threadTs: string | null },
  { file }: SlackFile,
  name: string,
): Promise<string> {
  const { orgId, tenant, channel, threadTs } = at;
  const place = { orgId, tenant };
  const bytes = new TextEncoder().encode(file.text);
  const slot = await beforeShown(async () => {
    const asked = await slack.call(place, 'files.getUploadURLExternal', { filename: name, length: bytes.length });
    const found = readAnswer(zSlot, asked);
    await upload(found.upload_url, bytes);
    return found;
  });
  const done = await slack.call(place, 'files.completeUploadExternal', {
    files: [{ id: slot.file_id, title: file.title }],
    channel_id: channel,
    ...(threadTs === null ? {} : { thread_ts: threadTs }),
  });
  const shares = readAnswer(zShared, done).files[0]?.shares;
  return (shares?.public ?? shares?.private)?.[channel]?.[0]?.ts ?? `file:${slot.file_id}`;
}

/** Whatever went wrong here, nobody has seen anything. */
async function beforeShown<T>(fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    if (error instanceof PlatformFailure && error.kind !== 'unclear') throw error;
    throw new PlatformFailure('not_sent', 'upload_failed', { cause: error });
  }
}
