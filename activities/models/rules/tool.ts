import type { ModelTool } from '#activities/models/model.ts';
import { slotsOf } from './slots.ts';
import type { Slot } from './slots.ts';
import { STOP_WORDS, groupsOf, splitName, stem } from './words.ts';

/** A tool, with what its name and schema say in words. */
export interface KnownTool {
  tool: ModelTool;
  slots: readonly Slot[];
  /** "erp" of `erp_createInvoice`. */
  connection: readonly string[];
  /** What it works on: "invoice". */
  nouns: readonly string[];
  /** The verbs of its name as written: "create". */
  verbs: readonly string[];
  /** What its verbs ask for. */
  groups: readonly string[];
  isWrite: boolean;
}

const READ_GROUPS = ['read', 'compute', 'run', 'convert', 'translate', 'summarize', 'export'];
const METHODS: Record<string, readonly string[]> = {
  GET: ['read'],
  POST: ['create', 'send'],
  PUT: ['update'],
  PATCH: ['update'],
  DELETE: ['delete'],
};

/** Reads a tool's name ("erp_createInvoice"), or its description where the name has no verb ("POST /invoices", "Creates an invoice"). */
export function knowTool(tool: ModelTool): KnownTool {
  const cut = tool.name.indexOf('_');
  const connection = cut === -1 ? [] : splitName(tool.name.slice(0, cut));
  const action = splitName(cut === -1 ? tool.name : tool.name.slice(cut + 1));
  const isWrite = tool.effect !== 'read';
  const fits = (group: string): boolean => (isWrite ? group !== 'read' : READ_GROUPS.includes(group));
  const verbs = action.filter((word) => groupsOf(word).some(fits));
  const named = verbs.slice(0, 1).flatMap(groupsOf).filter(fits);
  return {
    tool,
    slots: slotsOf(tool.input),
    connection: connection.map(stem),
    nouns: action.filter((word) => word !== verbs[0] && !STOP_WORDS.has(word)).map(stem),
    verbs: verbs.slice(0, 1),
    groups: named.length > 0 ? named : described(tool).filter(fits),
    isWrite,
  };
}

function described(tool: ModelTool): readonly string[] {
  const method = /^(GET|POST|PUT|PATCH|DELETE)\b/.exec(tool.description)?.[1];
  const first = stem(/^[A-Za-z]+/.exec(tool.description)?.[0] ?? '');
  const said = method ? METHODS[method] : groupsOf(first);
  if (said && said.length > 0) return said;
  if (tool.effect === 'read') return ['read'];
  return tool.effect === 'destructive' ? ['delete'] : ['create', 'update', 'send', 'run'];
}
