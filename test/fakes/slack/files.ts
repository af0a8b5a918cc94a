import type { Knock } from './door.ts';
import { fileObject, fileOf, type Method, type World } from './world.ts';
import { failure, idFor, randomId, textOf, type Json } from './words.ts';

export interface NewFile {
  name: string;
  mime?: string;
  bytes: Uint8Array | string;
  /** Name or id of whose it is; the first person when left out. */
  by?: string;
  /** As in Slack Connect: messages carry only the id, files.info the rest. */
  checkFileInfo?: boolean;
  /** Other than its bytes: what Slack says about its size. */
  size?: number;
}

/** A file somebody uploaded. Gives the file object; hand it to `say(…, {files: [file]})`. */
export function addFile(world: World, file: NewFile): Json {
  const id = randomId('F0');
  const bytes = Buffer.from(file.bytes);
  const user =
    world.userNamed(file.by ?? Object.keys(world.settled.users)[0] ?? '')?.['user_id'] ?? idFor('U', '', 'x');
  const size = file.size ?? bytes.length;
  const object = fileObject(world, { id, name: file.name, mime: file.mime ?? 'text/plain', size, user });
  world.files.set(id, { file: object, bytes });
  return file.checkFileInfo ? { id, created: object['created'], file_access: 'check_file_info' } : object;
}

/** Files the app has uploaded and shared, oldest first. */
export function uploads(
  world: World,
): { name: string; title: string; bytes: Buffer; channels: string[]; threadTs: string | null }[] {
  return world.rows.files.all().map((file) => ({
    name: file['name'],
    title: file['title'],
    bytes: Buffer.from(file['content_base64'] ?? '', 'base64'),
    channels: [...file['channels'], ...file['groups'], ...file['ims']],
    threadTs: file['thread_ts'] ?? null,
  }));
}

const info: Method = (world, args) => {
  const id = textOf(args['file']);
  const row = world.rows.files.findOneBy('file_id', id);
  const file = world.files.get(id)?.file ?? (row && !row['deleted'] ? fileOf(world, row) : undefined);
  return file ? { ok: true, file, comments: [], response_metadata: { next_cursor: '' } } : failure('file_not_found');
};

const uploadUrl: Method = async (world, args, call) => {
  const answer = await world.emulate(call.method, args);
  return answer['ok'] ? { ...answer, upload_url: `${world.base()}/upload/v1/${answer['file_id']}` } : answer;
};

const complete: Method = async (world, args, call) => {
  const channel = world.channelNamed(textOf(args['channel_id']));
  if (channel && !channel['members'].includes(world.settled.botUserId)) return failure('not_in_channel');
  const answer = await world.emulate(call.method, args);
  if (!answer['ok']) return answer;
  const files = answer['files'].map((file: Json) => ({
    ...file,
    ...fileOf(world, world.rows.files.findOneBy('file_id', file['id']) ?? file),
  }));
  return { ...answer, files };
};

export const fileMethods: Record<string, Method> = {
  'files.info': info,
  'files.getUploadURLExternal': uploadUrl,
  'files.completeUploadExternal': complete,
};

/** A download: the bytes for a token that may read files, a login page for everybody else. */
export async function download(world: World, { url, request, response }: Knock): Promise<void> {
  const id = /\/files-pri\/[^/-]+-([^/]+)\//.exec(url.pathname)?.[1] ?? '';
  const token = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  world.calls.push({ method: 'file download', token: token || null, args: { id }, at: Date.now() });
  const fault = world.faults.takeFault('file download');
  if (fault?.kind === 'reset before') return void request.socket.resetAndDestroy();
  if (fault?.kind === 'status 500') return void response.writeHead(500).end();
  if (fault?.kind === 'hang') await world.faults.wait(fault);
  const known = world.tokens.get(token);
  const mayRead = known?.status === 'ok' && known.kind === 'bot' && world.scopes.includes('files:read');
  if (!mayRead)
    return void response
      .writeHead(302, { location: `${world.base()}/?redir=${encodeURIComponent(url.pathname)}` })
      .end();
  const kept = world.files.get(id);
  const row = world.rows.files.findOneBy('file_id', id);
  const bytes = kept?.bytes ?? (row ? Buffer.from(row['content_base64'] ?? '', 'base64') : null);
  if (!bytes) return void response.writeHead(404, { 'content-type': 'text/html' }).end('<html>File not found</html>');
  const type = kept?.file['mimetype'] ?? row?.['mimetype'] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'content-length': String(bytes.length) }).end(bytes);
}

export const loginPage = ({ response }: Knock): void =>
  void response
    .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
    .end(
      '<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in to your workspace</body></html>',
    );

/** The upload itself goes to the emulator as it came. */
export async function upload(world: World, { url, request, response, body }: Knock): Promise<void> {
  const headers = { 'content-type': request.headers['content-type'] ?? 'application/octet-stream' };
  const sent = new Request(`http://slack.test${url.pathname}`, { method: 'POST', headers, body: new Uint8Array(body) });
  const answer = await world.fetchEmulator(sent);
  response.writeHead(answer.status, { 'content-type': 'text/plain' }).end(await answer.text());
}
