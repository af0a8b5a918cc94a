import { parseArgs } from 'node:util';
import { slackManifest } from '#activities/chat/render/slack/manifest.ts';
import { UserError } from '#core/errors.ts';
import { readConfig } from '#core/config.ts';

// `npm run slack:manifest [-- --socket] [--url https://…]`: the app's manifest on stdout, for "From a manifest" at api.slack.com/apps.
try {
  const { values } = parseArgs({ options: { socket: { type: 'boolean', default: false }, url: { type: 'string' } } });
  const { publicUrl } = readConfig({ ...process.env, ...(values.url === undefined ? {} : { PUBLIC_URL: values.url }) });
  const isHttp = !values.socket;
  if (isHttp && !publicUrl.startsWith('https://'))
    process.stderr.write(
      `Slack sends to https addresses only, and ${publicUrl} is none: name yours with --url https://…, or use --socket.\n`,
    );
  process.stdout.write(`${JSON.stringify(slackManifest({ publicUrl, mode: isHttp ? 'http' : 'socket' }), null, 2)}\n`);
} catch (error) {
  const isOurs = error instanceof UserError || (error instanceof Error && 'code' in error);
  process.stderr.write(`${isOurs && error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
