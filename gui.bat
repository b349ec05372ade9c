@echo off
rem Starts Crucible: finds a Python 3.11 to 3.14 and hands over to gui.py, which does everything else.
setlocal DisableDelayedExpansion
chcp 65001 >nul 2>&1
set "PYTHONUTF8=1"
set "PYTHON="
set "RANGE=(3, 11) <= sys.version_info[:2] <= (3, 14)"

if defined CRUCIBLE_PYTHON set PYTHON="%CRUCIBLE_PYTHON%"
call :try py -3.13
call :try py -3.12
call :try py -3.11
call :try py -3.14
rem Windows has a false python that only opens the Store: it fails the trial, and so it is passed over.
call :try python
call :try python3
rem gui.py itself says which version it needs, where there is a Python that can say so.
set "RANGE=sys.version_info > (3, 7)"
call :try py
call :try python
if defined PYTHON goto start

echo Crucible needs Python 3.11 to 3.14, but found none. Install it from https://www.python.org/downloads/
echo with "Add python.exe to PATH" ticked, or type: winget install Python.Python.3.13
echo Then start again.
set "CODE=1"
goto failed

:start
rem On one line, as an update may replace this file meanwhile, and cmd reads on where it was.
%PYTHON% "%~dp0gui.py" %* & goto ended

:ended
set "CODE=%ERRORLEVEL%"
if "%CODE%" == "0" exit /b 0

:failed
rem After a double click the window would close before anyone could read why.
set "STARTED=%CMDCMDLINE%"
if not defined STARTED exit /b %CODE%
set "STARTED=%STARTED:"=%"
if not "%STARTED%" == "%STARTED:gui.bat=%" pause
exit /b %CODE%

:try
if defined PYTHON exit /b 0
%* -c "import sys; sys.exit(not %RANGE%)" >nul 2>&1
if not errorlevel 1 set "PYTHON=%*"
exit /b 0
