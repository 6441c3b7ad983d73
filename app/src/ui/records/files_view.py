"""The files of a record as one sees them: a card that a tap opens, with what is there and two ways to add more."""

import flet as ft

from contract.files import RecordFile
from ui.records.files_view_model import Files, Picked, line_below, name_of
from ui.shared import parts, theme
from ui.shared.live import use
from ui.shared.notices import Notice
from ui.shared.words import _
from ui.shell import Shell

_IMAGES = frozenset({"png", "jpg", "jpeg", "gif", "heic", "webp", "bmp", "tif", "tiff", "svg"})


@ft.component
def FilesCard(shell: Shell, files: Files) -> ft.Control:
    use(files)
    shown = ft.use_ref(files)
    shown.current = files

    async def picked(event: ft.FilePickerResultEvent) -> None:
        for file in event.files:
            if file.bytes is not None and shown.current is not None:
                await shown.current.add(Picked(file.name, file.bytes))

    # Kept for as long as the card is: Flet drops one that nobody holds. It has to know from its beginning who is told.
    chosen = ft.use_ref(lambda: ft.FilePicker(on_result=picked))
    picker = chosen.current
    assert picker is not None
    rows: list[ft.Control] = []
    if files.sending:
        rows.append(_sending(files))
    if files.problem:
        rows.append(_problem(files))
    if not files.is_open:
        rows.append(
            ft.Row([ft.OutlinedButton(_("Show files"), icon=ft.Icons.FOLDER_OUTLINED, height=theme.TARGET,
                                      on_click=files.open)])
        )  # fmt: skip
    elif files.listed.value is None and files.listed.problem is not None:
        rows.append(parts.trouble(files.listed.problem, files.open))
    elif files.listed.value is None:
        rows.append(parts.skeleton_line(180))
    else:
        rows += parts.age_line(files.listed.age, problem=files.listed.problem is not None)
        rows += [_line(shell, files, picker, file) for file in files.files] or [parts.faint(_("None yet."))]
    return parts.card(_("Files"), *rows, action=_adding(files, picker))


def _adding(files: Files, picker: ft.FilePicker) -> ft.Control:
    """The two ways to add a file. On a phone the system offers its camera with photos. They open in the browser's own
    hand, because some open no such dialog for a program that asks later."""

    def button(icon: ft.IconData, name: str, kind: ft.FilePickerFileType) -> ft.Control:
        action = ft.PickFiles(picker, file_type=kind, with_data=True, cancel_upload_on_window_blur=False)
        return ft.IconButton(
            parts.named_icon(icon, name), tooltip=name, action=action, disabled=bool(files.sending),
            size_constraints=ft.BoxConstraints(min_width=theme.TARGET, min_height=theme.TARGET),
        )  # fmt: skip

    photo = button(ft.Icons.ADD_A_PHOTO_OUTLINED, _("Add a photo"), ft.FilePickerFileType.IMAGE)
    return ft.Row([photo, button(ft.Icons.UPLOAD_FILE, _("Add a file"), ft.FilePickerFileType.ANY)], spacing=0)


def _sending(files: Files) -> ft.Control:
    """What is being sent, how far it is, and a way to stop it."""

    async def cancel() -> None:
        files.cancel()

    # Nothing tells what Salesforce still does once all is sent.
    bar = ft.ProgressBar(value=files.sent if 0 < files.sent < 1 else None, semantics_label=_("How much has been sent"))
    said = ft.Text(_("Saving {name} …", name=files.sending), max_lines=1, overflow=ft.TextOverflow.ELLIPSIS)
    words = ft.Column([said, bar], spacing=4, tight=True, expand=True)
    return ft.Row([words, parts.icon_button(ft.Icons.CLOSE, _("Stop"), cancel)], spacing=8)


def _problem(files: Files) -> ft.Control:
    async def dismiss() -> None:
        files.dismiss()

    again: list[ft.Control] = (
        [ft.FilledButton(_("Try again"), height=theme.TARGET, on_click=files.retry)] if files.can_retry else []
    )
    return parts.note(
        files.problem, actions=[*again, ft.OutlinedButton(_("Close"), height=theme.TARGET, on_click=dismiss)]
    )


def _line(shell: Shell, files: Files, picker: ft.FilePicker, file: RecordFile) -> ft.Control:
    """A file; a tap takes it to the device."""

    async def take() -> None:
        content = await files.take(file)
        if content is None:
            return
        if not content:
            shell.notices.say(Notice(_("This file is empty.")))
            return
        await picker.save_file(file_name=name_of(file), src_bytes=content)

    is_image = file.extension.lower() in _IMAGES
    icon = ft.Icons.IMAGE_OUTLINED if is_image else ft.Icons.INSERT_DRIVE_FILE_OUTLINED
    below = _("Just a moment …") if files.taking == file.id else line_below(file)
    return parts.tile(file.title or name_of(file), below, take, icon=icon)
