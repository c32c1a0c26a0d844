/** Icons come from the bundle alone: the icon library may ask no server for one that is missing. */

import { _api } from '@iconify/vue'

export function keepIconsLocal(): void {
  _api.setAPIModule('', {
    // No icons to ask for, hence no request.
    prepare: () => [],
    send: (_host, _params, callback) => callback('abort', 424),
  })
}
