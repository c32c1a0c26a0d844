import { ref, shallowRef, type Ref } from 'vue'
import type { Page } from '@/api/types'
import { useAct } from './useAct'

/** A list that is read page by page; `rows` is null until the first page is there. */
export function usePagedList<Row>(first: () => Promise<Page<Row>>, follow: (next: string) => Promise<Page<Row>>) {
  const rows = ref(null) as Ref<Row[] | null>
  const next = ref<string | null>(null)
  const error = shallowRef<unknown>(null)
  const { act, isBusy } = useAct()

  async function load(): Promise<void> {
    error.value = null
    try {
      const page = await first()
      rows.value = page.results
      next.value = page.next
    } catch (cause) {
      error.value = cause
    }
  }

  async function loadMore(): Promise<void> {
    const address = next.value
    if (address === null) return
    await act(async () => {
      const page = await follow(address)
      rows.value = [...(rows.value ?? []), ...page.results]
      next.value = page.next
    })
  }

  return { rows, next, error, isLoadingMore: isBusy, load, loadMore }
}
