import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createUpload } from './files.ts';

const BYTES = new TextEncoder().encode('a,b');

test('a file goes to Slack’s own hosts only, whatever address an answer names', async () => {
  const got: string[] = [];
  const server = createServer((request, response) => {
    got.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const upload = createUpload({ SLACK_API_URL: 'https://slack.com/api/' });
    for (const url of [`${here}/upload`, 'https://files.slack.com.elsewhere.test/u', 'no address'])
      await expect(upload(url, BYTES)).rejects.toMatchObject({ kind: 'refused', code: 'not_slack' });
    expect(got).toEqual([]);
    await createUpload({ SLACK_API_URL: `${here}/api/` })(`${here}/upload`, BYTES);
    expect(got).toEqual(['/upload']);
  } finally {
    server.close();
  }
});
