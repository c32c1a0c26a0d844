import { ref, watch, type Ref } from 'vue'
import { lastSentenceEnd } from '@/lib/sentences'

/**
 * Text for a live region: the answer being written, a whole sentence at a time, and its rest when
 * it is complete. `source` is null while nothing is being written.
 */
export function useAnnouncer(source: () => { id: string; text: string } | null, done: () => string): Ref<string> {
  const spoken = ref('')
  let id: string | null = null
  let text = ''
  let position = 0

  watch(source, (now) => {
    if (now !== null && now.id !== id) {
      id = now.id
      // What stood there already (a reload in mid-answer) can be read on the page.
      position = lastSentenceEnd(now.text, 0)
    }
    if (now !== null) {
      text = now.text
      const end = lastSentenceEnd(text, position)
      if (end > position) spoken.value = text.slice(position, end).trim()
      position = end
    } else if (id !== null) {
      spoken.value = done()
      id = null
    }
  })
  return spoken
}
