/** Renders a component as the app would, in English, for tests. */

import { render } from '@testing-library/vue'
import { createPinia, setActivePinia } from 'pinia'
import type { Component } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'
import { i18n } from '@/i18n'

export function mount(component: Component, options: { props?: Record<string, unknown>; path?: string } = {}) {
  const pinia = createPinia()
  setActivePinia(pinia)
  const history = createMemoryHistory()
  history.replace(options.path ?? '/')
  const router = createRouter({
    history,
    routes: [{ path: '/:path(.*)*', name: 'any', component: { template: '<div />' } }],
  })
  i18n.global.locale.value = 'en'
  const view = render(component, { props: options.props ?? {}, global: { plugins: [pinia, i18n, router] } })
  return { ...view, router }
}
