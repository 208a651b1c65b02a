/* bind/httpd_open.h: the objects of tcb.httpd. */
#ifndef TCB_HTTPD_OPEN_H
#define TCB_HTTPD_OPEN_H

#include "bind/l_bind.h"
#include "io/httpd_server.h"

void l_httpd_server_register(lua_State *L);
void l_httpd_request_register(lua_State *L);
/* An empty request userdata on the stack; `*slot` then owns a reference. */
tcb_httpd_req **l_httpd_request_new(lua_State *L);

#endif
