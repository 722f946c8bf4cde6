; Inno Setup 6: the frozen folder as an installer.
;   iscc /DVersion=0.1.0 /DFolder=..\dist\his-agent winservice\his-agent.iss
; It installs and updates the program and its service. Configuration, data, keys, groups and access stay
; when the program is removed.
#ifndef Version
  #error Version is missing: iscc /DVersion=...
#endif
#ifndef Folder
  #error Folder is missing: iscc /DFolder=...
#endif
#define Program "his-agent.exe"

[Setup]
AppId={{6F1E0E5C-0C58-4F6C-9B7A-5B2C4B6B7E2D}
AppName=his-agent
AppVersion={#Version}
VersionInfoVersion={#Version}
DefaultDirName={autopf}\his-agent
DisableProgramGroupPage=yes
PrivilegesRequired=admin
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0
OutputBaseFilename=his-agent-{#Version}-setup
Compression=lzma2
SolidCompression=yes
UninstallDisplayIcon={app}\{#Program}
; The service is stopped below: no other program may hold the folder's files.
CloseApplications=no
RestartApplications=no

[Files]
; All of a former version goes first: a left-over module would be imported.
Source: "{#Folder}\*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion

[InstallDelete]
Type: filesandordirs; Name: "{app}\_internal"

[Dirs]
Name: "{commonappdata}\his-agent"

[Run]
Filename: "{app}\{#Program}"; Parameters: "init"; Flags: runhidden; StatusMsg: "写出配置样例 ..."
Filename: "{app}\{#Program}"; Parameters: "service install"; Flags: runhidden; Check: not ServiceThere; StatusMsg: "登记服务 ..."
Filename: "{app}\{#Program}"; Parameters: "service update"; Flags: runhidden; Check: ServiceThere; StatusMsg: "更新服务 ..."
Filename: "{app}\{#Program}"; Parameters: "service start"; Flags: runhidden; Check: WasRunning; StatusMsg: "启动服务 ..."

[UninstallRun]
Filename: "{app}\{#Program}"; Parameters: "service remove"; Flags: runhidden; RunOnceId: "RemoveService"

[Code]
var
  Found, Ran: Boolean;

function ServiceThere: Boolean;
begin
  Result := Found;
end;

function WasRunning: Boolean;
begin
  Result := Ran;
end;

{ Exit code 0 of "service status": running; 4: not running. A service that cannot be stopped keeps its
  files: the installation ends before it has changed anything. }
function PrepareToInstall(var NeedsRestart: Boolean): String;
var
  Code: Integer;
  Former: String;
begin
  Result := '';
  Found := RegKeyExists(HKLM, 'SYSTEM\CurrentControlSet\Services\his-agent');
  Ran := False;
  Former := ExpandConstant('{app}\{#Program}');
  if Found and FileExists(Former) then
  begin
    Ran := Exec(Former, 'service status', '', SW_HIDE, ewWaitUntilTerminated, Code) and (Code = 0);
    if Ran and not (Exec(Former, 'service stop', '', SW_HIDE, ewWaitUntilTerminated, Code) and (Code = 0)) then
      Result := '服务 his-agent 没有停止，请先停止它再安装。';
  end;
end;
