import { toValue, watchEffect, type MaybeRefOrGetter } from 'vue'

/** Keeps the window's title: what the page shows, then the product. */
export function usePageTitle(title: MaybeRefOrGetter<string>): void {
  watchEffect(() => {
    document.title = `${toValue(title)} · Loredesk`
  })
}
