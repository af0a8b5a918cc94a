import { slotsOf } from './slots.ts';
import { splitName } from './words.ts';
import type { ModelTool } from '#activities/models/model.ts';

const SHOWN_TOOLS = 20;

/** What can be done, in plain words: the commands, then the tools by what they do. */
export function describeTools(tools: readonly ModelTool[]): string {
  const shown = tools.filter((tool) => !tool.name.startsWith('abetworks_')).slice(0, SHOWN_TOOLS);
  const hidden = tools.filter((tool) => !tool.name.startsWith('abetworks_')).length - shown.length;
  const reads = shown.filter((tool) => tool.effect === 'read');
  const writes = shown.filter((tool) => tool.effect !== 'read');
  return [
    'No AI model is connected: I match what you write to a command or a tool.',
    `**Commands**\n- ${commandsIn(tools).join('\n- ')}`,
    ...(reads.length > 0 ? [`**Look things up**\n${reads.map(describeTool).join('\n')}`] : []),
    ...(writes.length > 0
      ? [`**Change things** (may wait for an approval)\n${writes.map(describeTool).join('\n')}`]
      : []),
    ...(hidden > 0 ? [`…and ${hidden} more.`] : []),
    ...(shown.length > 0
      ? ['To choose a tool yourself: `use <tool>: …` or `<tool> name=value`.']
      : ['No connection offers a tool yet.']),
  ].join('\n\n');
}

const commandsIn = (tools: readonly ModelTool[]): string[] => [
  '`help`: this list',
  ...(hasTool(tools, 'abetworks_status') ? ['`status`: what is running'] : []),
  ...(hasTool(tools, 'abetworks_approvals') ? ['`approvals`: what waits for a decision'] : []),
  '`cancel`: drop a question of mine',
];

export const hasTool = (tools: readonly ModelTool[], name: string): boolean => tools.some((tool) => tool.name === name);

function describeTool(tool: ModelTool): string {
  const needs = slotsOf(tool.input)
    .filter((slot) => slot.isRequired)
    .map((slot) => slot.label);
  const action = splitName(tool.name.slice(tool.name.indexOf('_') + 1)).join(' ');
  const described = tool.description.replaceAll(/\s+/g, ' ').trim();
  const words = described.length > 90 ? `${described.slice(0, 90).toWellFormed()}…` : described;
  const isNew = words !== '' && words.toLowerCase() !== action;
  return `- \`${tool.name}\`: ${action}${isNew ? ` (${words})` : ''}${needs.length > 0 ? `; needs ${needs.slice(0, 8).join(', ')}` : ''}`;
}
