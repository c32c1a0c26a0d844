/** The Markdown component in a chunk of its own: the first page of a new chat does not need it. */

import { defineAsyncComponent } from 'vue'

const load = () => import('./MarkdownText.vue')

export const MarkdownText = defineAsyncComponent(load)

/** Fetches the chunk while the person is still writing the first question. */
export function preloadMarkdown(): void {
  void load()
}
