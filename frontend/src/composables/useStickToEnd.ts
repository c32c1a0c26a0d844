import { nextTick, onMounted, onScopeDispose, ref, type Ref } from 'vue'

/** This close to the end counts as being there. */
const NEAR_PX = 48

/**
 * Keeps a scrolling element at its end while it grows, but only for a reader who is there: who has
 * scrolled up to read is never moved.
 */
export function useStickToEnd(scroller: Ref<HTMLElement | null>, content: Ref<HTMLElement | null>) {
  const isAtEnd = ref(true)
  let observer: ResizeObserver | undefined

  function measure(): void {
    const element = scroller.value
    if (element === null) return
    isAtEnd.value = element.scrollHeight - element.scrollTop - element.clientHeight <= NEAR_PX
  }

  function toEnd(behavior: ScrollBehavior = 'instant'): void {
    isAtEnd.value = true
    void nextTick(() => {
      const element = scroller.value
      element?.scrollTo({ top: element.scrollHeight, behavior })
    })
  }

  onMounted(() => {
    scroller.value?.addEventListener('scroll', measure, { passive: true })
    observer = new ResizeObserver(() => {
      if (isAtEnd.value) toEnd()
    })
    if (content.value !== null) observer.observe(content.value)
    if (scroller.value !== null) observer.observe(scroller.value)
  })
  onScopeDispose(() => {
    scroller.value?.removeEventListener('scroll', measure)
    observer?.disconnect()
  })

  return { isAtEnd, toEnd }
}
