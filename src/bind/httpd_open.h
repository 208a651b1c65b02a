/* bind/httpd_open.h: the objects of tcb.httpd. */
#ifndef TCB_HTTPD_OPEN_H
#define TCB_HTTPD_OPEN_H

#include "bind/l_bind.h"
#include "io/httpd_channel.h"
#include "io/httpd_server.h"

void l_httpd_server_register(lua_State *L);
void l_httpd_request_register(lua_State *L);
void l_httpd_thread_register(lua_State *L);
void l_httpd_port_register(lua_State *L);
/* An empty request userdata on the stack; `*slot` then owns a reference. */
tcb_httpd_req **l_httpd_request_new(lua_State *L);

/* The thread's end of `channel` on the stack; it borrows the thread's reference. */
void l_httpd_port_new(lua_State *L, tcb_channel *channel);
/* (self, timeout_s?) -> text | nil */
int l_httpd_receive(lua_State *L, tcb_channel *c, tcb_channel_side side);

#endif
