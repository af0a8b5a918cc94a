/** The first bytes of a PNG of this size: as much of it as anything here looks at. */
export function pngOf(width = 2, height = 2, length = 64): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.write('\u0089PNG\r\n\u001a\n', 0, 'latin1');
  bytes.writeUInt32BE(13, 8);
  bytes.write('IHDR', 12, 'latin1');
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}
