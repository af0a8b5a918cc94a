/** "2026-11-21 09:05 UTC": the same for every reader, on every platform. */
export const formatTime = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
