import { z } from 'zod';
import type { PlatformApi } from '#core/chat.ts';
import { PlatformFailure } from '#core/errors.ts';

const zText = z.string().default('');
const zInfo = z.object({
  file: z.object({
    name: zText,
    title: zText,
    mimetype: zText,
    size: z.number().catch(0),
    url_private_download: zText,
    url_private: zText,
  }),
});

/** Files from another company's workspace come as an id only: what and where they are is asked for here. Throws `PlatformFailure`. */
export async function fileInfo(
  slack: PlatformApi,
  at: { orgId: string; tenant: string },
  id: string,
): Promise<{ name: string; mimeType: string; size: number; url: string }> {
  const { success, data } = zInfo.safeParse(await slack.call(at, 'files.info', { file: id }));
  const url = data?.file.url_private_download || data?.file.url_private;
  if (!success || !url) throw new PlatformFailure('refused', 'no_address');
  const { name, title, mimetype, size } = data.file;
  return { name: name || title || id, mimeType: mimetype, size, url };
}
