export type Command = 'help' | 'status' | 'approvals' | 'stop' | 'cancel' | 'greeting';

const COMMANDS: [Command, RegExp][] = [
  [
    'help',
    /^(?:help|help me|commands|tools|menu|what can (?:you|i|we) do(?: here| for me| for us)?|what do you do|what (?:tools|commands)(?: do you have| are there)?|how do(?:es)? (?:this|you) work|show (?:me )?(?:the )?(?:help|commands|tools)|\?)$/,
  ],
  [
    'status',
    /^(?:(?:show |get |the |what is the |what's the )*status|(?:what's|what is|whats) (?:running|going on|happening)|what are you doing)$/,
  ],
  [
    'approvals',
    /^(?:(?:show |list |get |me |the |my |all )*(?:pending |open |waiting )?approvals|(?:what|which) (?:approvals )?(?:is|are|do i|do we)(?: need to| have to)? ?(?:approve|pending|waiting|approvals)|what (?:needs|waits for|is waiting for) (?:my |an )?approval)$/,
  ],
  ['stop', /^(?:stop|halt|abort|stop (?:it|that|everything|now))$/],
  [
    'cancel',
    /^(?:cancel|cancel (?:it|that|this)|never ?mind|forget (?:it|that|about it)|drop (?:it|that|this)|leave it|skip it|no thanks)$/,
  ],
  [
    'greeting',
    /^(?:hi|hello|hey|hallo|ciao|hola|yo|good (?:morning|afternoon|evening)|hi there|hello there|hey there|thanks|thank you|thx)$/,
  ],
];

/** The command that the whole text is, if it is one. "help me post an invoice" is none. */
export function readCommand(text: string): Command | null {
  if (text.length > 80) return null;
  const words = text
    .toLowerCase()
    .replaceAll('’', "'")
    .replace(/^(?:@abetworks\b|abetworks\b|please|pls|hey|ok|okay|[\s,:])+(?=\S)(?!$)/, '')
    .replace(/(?:[\s!.,?]|\bplease)+$/, '')
    .trim();
  const plain = words === '' && text.trim() === '?' ? '?' : words.replaceAll(/\s+/g, ' ');
  // "hey" alone is a greeting, not a way to begin one.
  return (
    COMMANDS.find(
      ([, pattern]) => pattern.test(plain) || pattern.test(text.toLowerCase().replace(/[!.\s]+$/, '')),
    )?.[0] ?? null
  );
}
