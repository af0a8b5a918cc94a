// What Slack refuses, each with where it is said. "Types" are the comments of @slack/types 3.2, which repeat docs.slack.dev/reference/block-kit.

/** A message's blocks (docs, chat.postMessage). */
export const MESSAGE_BLOCKS = 50;
/** A modal's or App Home's (types, views). */
export const VIEW_BLOCKS = 100;
/**
 * All blocks of one message together. Not documented: `msg_blocks_too_long` comes at about 13 200 characters of plain markdown, 125 earlier with a divider more
 * (slackapi/bolt-js#2509), and with rich text at 11 341 characters of text (#2867). So containers count, and we measure the JSON and stay below 12 000.
 */
export const MESSAGE_SIZE = 11_800;
/** A whole view as JSON, in bytes (docs, views.publish: 250 kB). */
export const VIEW_BYTES = 240_000;
/** `text` of a post is cut at 40 000; chat.update refuses more than 4 000 (docs, its error msg_too_long), and chat.postMessage's documentation advises that. */
export const TEXT = 4_000;

/** Section and every other text object (types, PlainTextElement: 1 to 3000). */
export const TEXT_OBJECT = 3_000;
/** Types, HeaderBlock. */
export const HEADER = 150;
/** A text of a context block: the types say nothing, so it is taken for as short as a section's field. A context block holds 10; we put in one. */
export const CONTEXT_TEXT = 2_000;
// Not used: section fields (10 × 2000) and the markdown block (12 000 for all of a message). Rich text takes their place.

/** Elements of an actions block (types). */
export const ACTIONS = 25;
/** A button's label (types); of a context_actions block, which holds 5, too. */
export const BUTTON_TEXT = 75;
/** `action_id`, `block_id` and `callback_id` (types). A button's value may have 2000, but is its id. */
export const ID = 255;
/** A button's url (types). */
export const URL_LENGTH = 3_000;

/** A confirmation dialog (types, Confirm). */
export const CONFIRM_TITLE = 100;
export const CONFIRM_TEXT = 300;
export const CONFIRM_BUTTON = 30;

/** Select menus (types, Option: text and value 75; StaticSelect: 100 options). */
export const OPTION_TEXT = 75;
export const OPTIONS = 100;
/** Types, PlainTextInput.max_length; `initial_value` may not be longer either. */
export const INPUT_TEXT = 3_000;
/** An input's label and hint (types, InputBlock). */
export const LABEL = 2_000;
/** A placeholder (docs, plain_text_input: 150). */
export const PLACEHOLDER = 150;

/** A modal's title, submit and close (types, ModalView). */
export const MODAL_TITLE = 24;
/** Types, BaseView. */
export const PRIVATE_METADATA = 3_000;

/** Types, TableBlock; and one table a message (docs, table block: `only_one_table_allowed`), which Slack shows at its end. */
export const TABLE_ROWS = 100;
export const TABLE_COLUMNS = 20;
/** Cells of all a table together (docs, table block: 10 000), and what leaves room for other blocks. */
export const TABLE_SIZE = 9_000;
/** How deep a rich text list may be indented (types, RichTextList). */
export const LIST_INDENT = 8;
