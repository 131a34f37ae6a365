/**
 * Limits of the destination, checked here so that a bad row is a reject with a reason instead of a failed request.
 * https://docs.mixpanel.com/reference/track-event, https://docs.mixpanel.com/troubleshooting/errors/400-bad-request
 */

/** An event or a profile update must be smaller, in bytes of JSON. */
export const bodyBytesLimit = 1024 * 1024
/** Most properties of one event, those that Millrace adds included. */
export const eventPropertiesMax = 255
/** Most properties of one profile update. */
export const profilePropertiesMax = 2000
/** Longest name of an event, in bytes. */
export const eventNameBytesMax = 255
/** Longest id of a user, device or group, in bytes: longer ones would be cut, and different users become one. */
export const idBytesMax = 255
/** 1971-01-01T00:00:00Z, in milliseconds: earlier events are refused. */
export const earliestTimeMs = 31_536_000_000
/** How far ahead of the clock an event may be, in milliseconds. */
export const futureMs = 3_600_000

/** Property names that Millrace writes itself on every event. */
export const reservedEventProperties: readonly string[] = [
  'time',
  'distinct_id',
  '$insert_id',
  '$user_id',
  '$device_id',
  '$warehouse_import_id',
  '$warehouse_type',
  'token',
]
