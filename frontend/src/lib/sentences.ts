/** What of a growing text is worth reading aloud by now. */

const SENTENCE_END = /[.!?](?=\s)|[。！？；\n]/g

/**
 * The position after the last complete sentence in `text`, not before `from`. A screen reader is
 * given whole sentences, since single tokens would be read as noise.
 */
export function lastSentenceEnd(text: string, from: number): number {
  let end = from
  SENTENCE_END.lastIndex = from
  for (let match = SENTENCE_END.exec(text); match !== null; match = SENTENCE_END.exec(text)) {
    end = match.index + match[0].length
  }
  return end
}
