import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createEars, type EarsWorld } from '#test/slack/ears.ts';
import type { Json } from '#test/fakes/slack/words.ts';

// Recorded in production by another project; they lie beside the repository, and are not part of it.
const FOLDER = path.resolve(import.meta.dirname, '../../../shared/fixtures/slack');
const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.json')) : [];

const worlds: EarsWorld[] = [];
afterAll(async () => {
  for (const world of worlds) await world.drop();
});

/** What becomes of each recorded payload, by file and name; a payload that is not named here fails the test. */
const EXPECTED: Record<string, Record<string, string>> = {
  'actions-reactions.json': {
    mention: 'run: Test',
    action: 'command: block_actions',
    reaction: 'ignored: reaction_added',
    staticSelectAction: 'command: block_actions',
    radioButtonsAction: 'command: block_actions',
  },
  'channel.json': { mention: 'run: Hey', channel_post_action: 'command: block_actions' },
  'dm-direct.json': { directDM: 'run: hello hello', followUp: 'run: cool!!' },
  'slash-commands.json': {
    slashCommand: 'command: slash_command',
    slashCommandWithArgs: 'command: slash_command',
    viewSubmission: 'command: view_submission',
  },
  'thread.json': { mention: 'run: Hey', followUp: 'run: Hi' },
};

const isForm = (body: Json) => 'command' in body || 'actions' in body || 'view' in body;
const teamOf = (body: Json): string => body['team_id'] ?? body['team']['id'];

// Without the recordings one skipped test says so: a file without tests would fail.
test.skipIf(files.length === 0).each(files.length === 0 ? ['the recordings'] : files)(
  'every recorded payload of %s, signed and sent, has its outcome and one row',
  async (file) => {
    const recorded = JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8')) as Json;
    const { botUserId } = recorded;
    const bodies = Object.entries(recorded).filter(
      (entry): entry is [string, Json] => typeof entry[1] === 'object' && ('type' in entry[1] || 'command' in entry[1]),
    );
    const [first] = bodies;
    const ears = await createEars({ tenant: teamOf(first?.[1] ?? {}), botUserId });
    worlds.push(ears);
    await ears.connect();
    const seen: Record<string, string> = {};
    for (const [name, body] of bodies) {
      const userId = body['event']?.user ?? body['user']?.id ?? body['user_id'];
      ears.slack.add(userId);
      await ears.link(ears.ownerId, userId).catch(() => undefined);
      const before = await ears.rows();
      const form = 'command' in body ? true : isForm(body) ? ('payload' as const) : false;
      const answer = await ears.send(body, { form });
      expect([name, answer.status]).toEqual([name, 200]);
      const rows = await ears.rows();
      expect([name, rows.length]).toEqual([name, before.length + 1]);
      const [row] = rows.filter(({ source_key }) => !before.some((one) => one['source_key'] === source_key));
      const text = (await ears.texts()).at(-1);
      seen[name] = row?.['outcome'] === 'run' ? `run: ${text}` : `${row?.['outcome']}: ${row?.['reason']}`;
      // The same body, signed anew, as Slack does when it saw no answer.
      expect((await ears.send(body, { form, headers: { 'x-slack-retry-num': '1' }, skewS: 1 })).status).toBe(200);
      expect(await ears.rows()).toHaveLength(rows.length);
    }
    expect(seen).toEqual(EXPECTED[file]);
  },
);
