# What the spec uses of RHEL's macros, for rpm on Debian, which has none of
# them. make rpm loads this file there, and nowhere else.

%dist                   .el9
%_dbpath                /var/lib/rpm
%_sharedstatedir        /var/lib
%_unitdir               /usr/lib/systemd/system
%_sysusersdir           /usr/lib/sysusers.d
%_tmpfilesdir           /usr/lib/tmpfiles.d
%_binary_payload        w19.zstdio
%_build_id_links        none

# RHEL reloads the manager by a file trigger of systemd's package.
%systemd_post() \
systemctl daemon-reload 2>/dev/null || : \
if [ $1 -eq 1 ]; then \
	systemctl --no-reload preset %* || : \
fi \
%{nil}
%systemd_preun() \
if [ $1 -eq 0 ]; then \
	systemctl --no-reload disable %* || : \
	systemctl stop %* 2>/dev/null || : \
fi \
%{nil}
%systemd_postun() \
systemctl daemon-reload 2>/dev/null || : \
%{nil}
