/** The end of a log that grows. */

/** Enough to read what happened; the whole log is on the server. */
const KEPT_CHARS = 100_000

export interface LogTail {
  text: string
  /** Bytes of the log up to the end of `text`. */
  offset: number
}

export function emptyLog(): LogTail {
  return { text: '', offset: 0 }
}

/** The tail with one more piece; a piece that was seen before changes nothing. */
export function appendLog(tail: LogTail, piece: { text: string; offset: number }): LogTail {
  if (piece.offset <= tail.offset) return tail
  let text = tail.text + piece.text
  if (text.length > KEPT_CHARS) {
    const cut = text.length - KEPT_CHARS
    const lineStart = text.indexOf('\n', cut)
    text = text.slice(lineStart < 0 ? cut : lineStart + 1)
  }
  return { text, offset: piece.offset }
}
