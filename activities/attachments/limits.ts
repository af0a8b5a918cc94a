/** What of the things that come with a message is read. Byte counts are of the files as they are, lengths are characters. */
export const ATTACHMENT_LIMITS = {
  fileBytes: 10_000_000,
  /** All files of one message together. */
  messageBytes: 20_000_000,
  /** Kept of one file. */
  textLength: 200_000,
  images: 4,
  /** 5 MB once written in base64, which is what Anthropic counts; the others take more. */
  imageBytes: 3_750_000,
  /** Pixels; Anthropic refuses a request with a longer side. */
  imageSide: 8_000,
  pdfPages: 50,
  /** From its start to its last page: a file may be made to take for ever, or to unpack into gigabytes. */
  pdfMs: 20_000,
  pdfMemoryBytes: 400_000_000,
  /** Messages said before in the thread, the newest. */
  threadMessages: 50,
  threadLength: 20_000,
  /** All of one message; a run's turn may take 10 minutes. */
  readingMs: 180_000,
} as const;

/** What a turn shows of the texts: the run's own message in full up to this, earlier ones in short. */
export const SHOWN_LENGTH = { current: 60_000, earlier: 12_000, earlierEach: 4_000 } as const;

export const inMb = (bytes: number): string => `${Math.max(0.1, Math.round(bytes / 100_000) / 10)} MB`;
