// What a verb asks for. A word may belong to several groups; a request and a tool agree when they share one.
const GROUPS: Record<string, string> = {
  create:
    'create add make new post submit issue register insert book open raise file put record log enter write generate draft place',
  send: 'send mail email notify message post publish share forward tell',
  read: 'get show list find fetch read look search view display check see give retrieve lookup query describe count status download',
  update: 'update change edit set modify rename patch move adjust correct replace put',
  delete: 'delete remove cancel drop erase void destroy revoke clear purge',
  compute: 'calculate compute evaluate eval solve calc',
  run: 'run execute start trigger launch invoke call',
  close: 'close resolve finish complete end',
  stop: 'stop halt abort terminate pause suspend disable',
  resume: 'resume continue enable unpause activate reopen restart',
  approve: 'approve accept confirm',
  reject: 'reject decline deny refuse',
  pay: 'pay transfer settle wire',
  refund: 'refund reimburse',
  charge: 'charge bill',
  assign: 'assign delegate allocate',
  invite: 'invite',
  schedule: 'schedule plan',
  deploy: 'deploy release',
  merge: 'merge',
  upload: 'upload attach import',
  export: 'export',
  convert: 'convert',
  translate: 'translate',
  summarize: 'summarize summarise',
  lock: 'lock block ban',
  unlock: 'unlock unblock',
  retry: 'retry rerun',
  ship: 'ship deliver dispatch',
  sync: 'sync refresh reload',
  comment: 'comment reply answer respond',
  subscribe: 'subscribe',
  unsubscribe: 'unsubscribe',
};

const GROUPS_OF = new Map<string, string[]>();
for (const [group, words] of Object.entries(GROUPS))
  for (const word of words.split(' ')) GROUPS_OF.set(word, [...(GROUPS_OF.get(word) ?? []), group]);

/** What the word may ask for; empty when it is no verb we know. */
export const groupsOf = (word: string): readonly string[] => GROUPS_OF.get(word) ?? [];

export const STOP_WORDS = new Set(
  (
    'a an the this that these those my our your their his her its me us you i we it they them of to for from in on at by with over into onto via about as ' +
    'and or but so then now please pls plz just also too some any all is are was were be been am do does did have has had can could will would should shall ' +
    'there here what which who whose whom how much many up out off per under than if named called with using use hey hi hello thanks thank ok okay kindly want need like let lets go ahead amount id no nr number worth'
  ).split(' '),
);

const SAME: Record<string, string> = {
  email: 'mail',
  'e-mail': 'mail',
  emails: 'mail',
  mails: 'mail',
  bill: 'invoice',
  client: 'customer',
  repo: 'repository',
  doc: 'document',
  msg: 'message',
  people: 'person',
};

/** One form for a word: lower case, singular, common synonyms folded. */
export function stem(word: string): string {
  const lower = word.toLowerCase();
  const singular = /[^s]ies$/.test(lower)
    ? `${lower.slice(0, -3)}y`
    : /(?:s|x|z|ch|sh)es$/.test(lower)
      ? lower.slice(0, -2)
      : /[^siu]s$/.test(lower) && lower.length > 3
        ? lower.slice(0, -1)
        : lower;
  return Object.hasOwn(SAME, singular) ? (SAME[singular] ?? singular) : singular;
}

/** "totalAmount", "total_amount", "Total-Amount" → total, amount. */
export const splitName = (name: string): string[] =>
  name
    .replaceAll(/([a-z\d])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(Boolean);

export interface Word {
  text: string;
  start: number;
  end: number;
}

/** The words of a text with their places. */
export const wordsOf = (text: string): Word[] =>
  [...text.matchAll(/[\p{L}\p{N}][\p{L}\p{N}'’_-]*/gu)].map((found) => ({
    text: found[0],
    start: found.index,
    end: found.index + found[0].length,
  }));

export const escapeRegExp = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
