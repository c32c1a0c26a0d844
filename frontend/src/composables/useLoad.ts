import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'

interface Load<Data> {
  data: Ref<Data | null>
  error: ShallowRef<unknown>
  isLoading: Ref<boolean>
  load: () => Promise<void>
}

/** One thing read from the server: its data, or why there is none. An older answer never replaces a newer one. */
export function useLoad<Data>(read: () => Promise<Data>): Load<Data> {
  const data = ref(null) as Ref<Data | null>
  const error = shallowRef<unknown>(null)
  const isLoading = ref(false)
  let latest = 0

  async function load(): Promise<void> {
    const mine = (latest += 1)
    isLoading.value = true
    error.value = null
    try {
      const answer = await read()
      if (mine === latest) data.value = answer
    } catch (cause) {
      if (mine === latest) error.value = cause
    } finally {
      if (mine === latest) isLoading.value = false
    }
  }

  return { data, error, isLoading, load }
}
