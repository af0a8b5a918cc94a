import type { KnownBlock } from '@slack/types';

/** One post: `text` is what notifications and screen readers say, escaped. Send it with unfurling off and without `link_names` or `parse`. */
export interface SlackText {
  text: string;
  blocks: KnownBlock[];
}
/** A file to upload beside the posts. */
export interface SlackFile {
  file: { name: string; title: string; text: string };
}
export type SlackPart = SlackText | SlackFile;

/** What Slack sends of a modal's fields, `view.state.values`: block → action → value. */
export type FieldValues = Record<
  string,
  Record<
    string,
    { value?: string | null | undefined; selected_option?: { value?: string | undefined } | null | undefined }
  >
>;

/** Ids only: it comes back from Slack with the submit, and is checked again there. */
export type Meta = Record<string, string>;

/** A link out of Slack, shown as a button; its click needs no answer. */
export interface Link {
  label: string;
  url: string;
}
