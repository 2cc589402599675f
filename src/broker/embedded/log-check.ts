/**
 * SQLite ends its write-ahead log at the first frame whose checksum is wrong, without a word: after a crash that is the frame
 * that was being written. But where whole frames of the same log stand behind it, something that was committed was damaged
 * later, and what follows is lost. This finds out before SQLite reads the log and writes over it.
 *
 * Format: the SQLite file format document, section "The Write-Ahead Log".
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import { pageBytes } from './schema.ts';

const headerBytes = 32;
const frameHeaderBytes = 24;
const magicBigEndian = 0x377f0683;
const magicLittleEndian = 0x377f0682;
const isBigEndianHere = endianness() === 'BE';

/** How many frames behind a damaged one belong to the same log; 0 where the log is whole, ends torn, or is missing. */
export function lostLogFrames(path: string): number {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  try {
    return countLost(file);
  } finally {
    closeSync(file);
  }
}

function countLost(file: number): number {
  const header = Buffer.alloc(headerBytes);
  if (readSync(file, header, 0, headerBytes, 0) < headerBytes) return 0;
  const isBigEndian = header.readUInt32BE(0) === magicBigEndian;
  let sum = checksum(header.subarray(0, 24), [0, 0], isBigEndian);
  // SQLite writes the header whole before any frame, so a wrong one is damage: then it passes over all that follows.
  let isDamaged =
    !isMagic(header.readUInt32BE(0)) || header.readUInt32BE(24) !== sum[0] || header.readUInt32BE(28) !== sum[1];
  const frame = Buffer.alloc(frameHeaderBytes + (isDamaged ? pageBytes : header.readUInt32BE(8)));
  const salt = header.subarray(16, 24);
  // The first frame is of the same log as the header.
  if (isDamaged && readSync(file, salt, 0, 8, headerBytes + 8) < 8) return 0;
  let behind = 0;
  let lost = 0;
  for (let at = headerBytes; readSync(file, frame, 0, frame.length, at) === frame.length; at += frame.length) {
    // Frames of an older log stay behind the end of the newer one: they have other salts.
    const isOfThisLog = frame.subarray(8, 16).equals(salt);
    if (!isDamaged) {
      sum = checksum(frame.subarray(0, 8), sum, isBigEndian);
      sum = checksum(frame.subarray(frameHeaderBytes), sum, isBigEndian);
      if (isOfThisLog && frame.readUInt32BE(16) === sum[0] && frame.readUInt32BE(20) === sum[1]) continue;
      isDamaged = true;
      continue;
    }
    if (!isOfThisLog) continue;
    behind++;
    // Only what ends with a commit was ever acknowledged.
    if (frame.readUInt32BE(4) !== 0) lost = behind;
  }
  return lost;
}

function isMagic(value: number): boolean {
  return value === magicBigEndian || value === magicLittleEndian;
}

type Sum = readonly [number, number];

/** In words as this machine reads them: byte by byte it would take longer than all else that a start does. */
function checksum(bytes: Buffer, [first, second]: Sum, isBigEndian: boolean): Sum {
  const { buffer, byteOffset, length } = isBigEndian === isBigEndianHere ? bytes : Buffer.from(bytes).swap32();
  const words = new Int32Array(buffer, byteOffset, length / 4);
  let s0 = first | 0;
  let s1 = second | 0;
  for (let at = 0; at < words.length; at += 2) {
    s0 = (s0 + words[at]! + s1) | 0;
    s1 = (s1 + words[at + 1]! + s0) | 0;
  }
  return [s0 >>> 0, s1 >>> 0];
}
