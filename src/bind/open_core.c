/* bind/open_core.c: the luaopen_ of tcb.core, which binds no library. */
#include "bind/core_open.h"

#include "build_id.h"
#include "core/version.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int luaopen_tcb_core(lua_State *L);

EXPORT int luaopen_tcb_core(lua_State *L) {
  l_ctx_open(L);
  lua_createtable(L, 0, 32);
  lua_pushliteral(L, TCB_VERSION);
  lua_setfield(L, -2, "version");
  lua_pushliteral(L, TCB_BUILD_ID);
  lua_setfield(L, -2, "build");
  l_buf_register(L);
  l_clock_register(L);
  l_log_register(L);
  l_feed_register(L);
  l_phone_register(L);
  l_reader_register(L);
  l_passed_register(L);
  l_record_register(L);
  l_zone_register(L);
  l_poll_register(L);
  l_spans_register(L);
  l_settle_register(L);
  l_copy_register(L);
  l_export_register(L);
  l_body_register(L);
  l_lock_register(L);
  l_outcome_register(L);
  l_pairs_register(L);
  l_http1_register(L);
  l_endpoints_register(L);
  l_request_register(L);
  l_response_register(L);
  l_tidy_register(L);
  l_governor_register(L);
  l_random_register(L);
  l_private_register(L);
  l_json_register(L);
  l_process_register(L);
  l_sha256_register(L);
  l_sandbox_file_register(L);
  l_sandbox_records_register(L);
  l_event_register(L);
  return 1;
}
