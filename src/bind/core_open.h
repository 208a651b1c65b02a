/* bind/core_open.h: what each object of tcb.core offers its luaopen_: one register function a file. */
#ifndef TCB_CORE_OPEN_H
#define TCB_CORE_OPEN_H

#include "bind/l_bind.h"

void l_clock_register(lua_State *L);
void l_log_register(lua_State *L);
void l_feed_register(lua_State *L);
void l_phone_register(lua_State *L);
void l_reader_register(lua_State *L);
void l_record_register(lua_State *L);
void l_zone_register(lua_State *L);
void l_poll_register(lua_State *L);
void l_spans_register(lua_State *L);
void l_settle_register(lua_State *L);
void l_copy_register(lua_State *L);
void l_passed_register(lua_State *L);
void l_export_register(lua_State *L);
void l_body_register(lua_State *L);
void l_lock_register(lua_State *L);
void l_outcome_register(lua_State *L);
void l_pairs_register(lua_State *L);
void l_http1_register(lua_State *L);
void l_endpoints_register(lua_State *L);
void l_request_register(lua_State *L);
void l_response_register(lua_State *L);
void l_tidy_register(lua_State *L);
void l_governor_register(lua_State *L);
void l_random_register(lua_State *L);
void l_private_register(lua_State *L);
void l_json_register(lua_State *L);
void l_process_register(lua_State *L);
void l_sha256_register(lua_State *L);
void l_sandbox_file_register(lua_State *L);
void l_sandbox_records_register(lua_State *L);
void l_mailbox_register(lua_State *L);
void l_worker_register(lua_State *L);
void l_event_register(lua_State *L);

#endif
