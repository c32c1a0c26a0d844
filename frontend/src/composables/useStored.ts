import { ref, watch, type Ref } from 'vue'

/** A small choice of this browser that outlives the page, such as whether a list is folded. */
export function useStored(key: string, initial: string): Ref<string> {
  const value = ref(localStorage.getItem(`loredesk-${key}`) ?? initial)
  watch(value, (now) => localStorage.setItem(`loredesk-${key}`, now))
  return value
}
