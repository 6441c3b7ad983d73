"""Standard labels in other languages: a user whose language is German or Japanese reads objects, fields, picklists and
layouts of the objects in OBJECTS in it; API names and values stay as they are.

Salesforce translates the labels of standard objects and fields itself, and custom ones where an administrator has
(Salesforce Help, "Translation Workbench"); toLabel() answers in the language of the user who asks. The words follow
Salesforce's own in these languages; where they differ from one release to the next, only the text does.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import cast

from localorg.schema.sobjects import Field, Schema, SObject

LANGUAGES = ("de", "ja")
OBJECTS = ("Account", "Contact", "Opportunity", "Lead", "Case", "Task", "Event", "User")


def words_of(language: str) -> Mapping[str, str]:
    """The words of a language such as `de`, by the English ones; none for a language that is not here."""
    wanted = language.partition("_")[0]
    return _read()[wanted] if wanted in LANGUAGES else {}


def translated(schema: Schema, language: str) -> Schema:
    """A schema with the labels of a language; what has no word there keeps its own."""
    words = words_of(language)
    return Schema(_object(one, words, language) for one in schema) if words else schema


def of_layout(layout: dict[str, object], language: str) -> dict[str, object]:
    """A page layout whose headings and labels are in a language."""
    return cast("dict[str, object]", _labels(layout, words_of(language)))


def _labels(part: object, words: Mapping[str, str]) -> object:
    if isinstance(part, list):
        return [_labels(one, words) for one in cast("list[object]", part)]
    if not isinstance(part, dict):
        return part
    named = cast("dict[str, object]", part)
    return {
        key: words.get(value, value)
        if key in ("heading", "label") and isinstance(value, str)
        else _labels(value, words)
        for key, value in named.items()
    }


def _object(one: SObject, words: Mapping[str, str], language: str) -> SObject:
    fields = tuple(f if f.custom else _field(f, words) for f in one.fields)
    if one.custom:
        return replace(one, fields=fields, language=language, original=one)
    label, plural = words.get(one.label, one.label), words.get(one.plural, one.plural)
    return replace(one, label=label, plural=plural, fields=fields, language=language, original=one)


def _field(f: Field, words: Mapping[str, str]) -> Field:
    labels = tuple(words.get(f.label_of(value), f.label_of(value)) for value in f.picklist)
    return replace(f, label=words.get(f.label, f.label), labels=labels)


@cache
def _read() -> dict[str, dict[str, str]]:
    rows = [[text.strip() for text in line.split("|")] for line in _WORDS.strip().splitlines()]
    return {language: {row[0]: row[n] for row in rows} for n, language in enumerate(LANGUAGES, 1)}


_WORDS = """
Account | Account | 取引先
Accounts | Accounts | 取引先
Contact | Kontakt | 取引先責任者
Contacts | Kontakte | 取引先責任者
Opportunity | Opportunity | 商談
Opportunities | Opportunities | 商談
Lead | Lead | リード
Leads | Leads | リード
Case | Kundenvorgang | ケース
Cases | Kundenvorgänge | ケース
Task | Aufgabe | ToDo
Tasks | Aufgaben | ToDo
Event | Ereignis | 行動
Events | Ereignisse | 行動
User | Benutzer | ユーザー
Users | Benutzer | ユーザー
Account Information | Accountinformationen | 取引先情報
Contact Information | Kontaktinformationen | 取引先責任者情報
Opportunity Information | Opportunity-Informationen | 商談情報
Lead Information | Leadinformationen | リード情報
Case Information | Kundenvorgangsinformationen | ケース情報
Task Information | Aufgabeninformationen | ToDo 情報
Event Information | Ereignisinformationen | 行動情報
User Information | Benutzerinformationen | ユーザー情報
Address Information | Adressinformationen | 住所情報
Description Information | Beschreibungsinformationen | 説明情報
System Information | Systeminformationen | システム情報
Account Owner | Accountinhaber | 取引先 所有者
Contact Owner | Kontaktinhaber | 取引先責任者 所有者
Opportunity Owner | Opportunity-Inhaber | 商談 所有者
Lead Owner | Leadinhaber | リード 所有者
Case Owner | Kundenvorgangsinhaber | ケース 所有者
Task Owner | Aufgabeninhaber | ToDo 所有者
Event Owner | Ereignisinhaber | 行動 所有者
Account Currency | Accountwährung | 取引先 通貨
Contact Currency | Kontaktwährung | 取引先責任者 通貨
Opportunity Currency | Opportunity-Währung | 商談 通貨
Lead Currency | Leadwährung | リード 通貨
Case Currency | Kundenvorgangswährung | ケース 通貨
Task Currency | Aufgabenwährung | ToDo 通貨
Event Currency | Ereigniswährung | 行動 通貨
User Currency | Benutzerwährung | ユーザー 通貨
Default Currency ISO Code | ISO-Standardwährungscode | デフォルトの通貨 ISO コード
U.S. Dollar | US-Dollar | 米ドル
Euro | Euro | ユーロ
Japanese Yen | Japanischer Yen | 日本円
Swiss Franc | Schweizer Franken | スイスフラン
British Pound | Britisches Pfund | 英国ポンド
Record ID | Datensatz-ID | レコード ID
Deleted | Gelöscht | 削除
Created Date | Erstelldatum | 作成日
Created By ID | Erstellt von ID | 作成者 ID
Created By | Erstellt von | 作成者
Last Modified Date | Datum der letzten Änderung | 最終更新日
Last Modified By ID | Zuletzt geändert von ID | 最終更新者 ID
Last Modified By | Zuletzt geändert von | 最終更新者
System Modstamp | System-Zeitstempel | システム更新日時
Owner ID | Inhaber-ID | 所有者 ID
Last Activity | Letzte Aktivität | 最終活動日
Last Viewed Date | Datum der letzten Anzeige | 最終参照日
Last Referenced Date | Datum der letzten Referenz | 最終参照関連日
Account Name | Accountname | 取引先名
Account ID | Account-ID | 取引先 ID
Account Type | Accounttyp | 取引先 種別
Account Number | Accountnummer | 取引先番号
Account Phone | Telefon (Account) | 取引先 電話
Account Fax | Fax (Account) | 取引先 Fax
Account Site | Accountstandort | 取引先 部門
Account Source | Accountquelle | 取引先 発生源
Account Rating | Accountbewertung | 取引先 評価
Account Description | Accountbeschreibung | 取引先 説明
Parent Account ID | ID des übergeordneten Accounts | 親取引先 ID
Parent Account | Übergeordneter Account | 親取引先
Industry | Branche | 業種
Annual Revenue | Jahresumsatz | 年間売上
Employees | Mitarbeiter | 従業員数
Ownership | Eigentümerschaft | 会社形態
Ticker Symbol | Börsenkürzel | 株式コード
SIC Code | SIC-Code | 産業コード
SIC Description | SIC-Beschreibung | SIC 説明
Data.com Key | Data.com-Schlüssel | Data.com キー
Jigsaw Company ID | Jigsaw-Unternehmens-ID | Jigsaw 会社 ID
Jigsaw Contact ID | Jigsaw-Kontakt-ID | Jigsaw 取引先責任者 ID
Website | Website | Web サイト
Phone | Telefon | 電話
Rating | Bewertung | 評価
Description | Beschreibung | 説明
Billing Address | Rechnungsanschrift | 町名・番地(請求先)
Billing Street | Straße für Rechnungsanschrift | 町名・番地(請求先)
Billing City | Stadt für Rechnungsanschrift | 市区郡(請求先)
Billing State/Province | Bundesland/Kanton für Rechnungsanschrift | 都道府県(請求先)
Billing Zip/Postal Code | PLZ für Rechnungsanschrift | 郵便番号(請求先)
Billing Country | Land für Rechnungsanschrift | 国(請求先)
Billing Latitude | Breitengrad für Rechnungsanschrift | 緯度(請求先)
Billing Longitude | Längengrad für Rechnungsanschrift | 経度(請求先)
Shipping Address | Lieferanschrift | 納入先住所
Shipping Street | Straße für Lieferanschrift | 町名・番地(納入先)
Shipping City | Stadt für Lieferanschrift | 市区郡(納入先)
Shipping State/Province | Bundesland/Kanton für Lieferanschrift | 都道府県(納入先)
Shipping Zip/Postal Code | PLZ für Lieferanschrift | 郵便番号(納入先)
Shipping Country | Land für Lieferanschrift | 国(納入先)
Shipping Latitude | Breitengrad für Lieferanschrift | 緯度(納入先)
Shipping Longitude | Längengrad für Lieferanschrift | 経度(納入先)
Mailing Address | Postanschrift | 住所(郵送先)
Mailing Street | Straße für Postanschrift | 町名・番地(郵送先)
Mailing City | Stadt für Postanschrift | 市区郡(郵送先)
Mailing State/Province | Bundesland/Kanton für Postanschrift | 都道府県(郵送先)
Mailing Zip/Postal Code | PLZ für Postanschrift | 郵便番号(郵送先)
Mailing Country | Land für Postanschrift | 国(郵送先)
Mailing Latitude | Breitengrad für Postanschrift | 緯度(郵送先)
Mailing Longitude | Längengrad für Postanschrift | 経度(郵送先)
Other Address | Andere Anschrift | 住所(その他)
Other Street | Andere Straße | 町名・番地(その他)
Other City | Andere Stadt | 市区郡(その他)
Other State/Province | Anderes Bundesland/Anderer Kanton | 都道府県(その他)
Other Zip/Postal Code | Andere PLZ | 郵便番号(その他)
Other Country | Anderes Land | 国(その他)
Other Latitude | Anderer Breitengrad | 緯度(その他)
Other Longitude | Anderer Längengrad | 経度(その他)
Address | Adresse | 住所
Street | Straße | 町名・番地
City | Stadt | 市区郡
State/Province | Bundesland/Kanton | 都道府県
Zip/Postal Code | PLZ | 郵便番号
Country | Land | 国
Latitude | Breitengrad | 緯度
Longitude | Längengrad | 経度
Salutation | Anrede | 敬称
First Name | Vorname | 名
Last Name | Nachname | 姓
Full Name | Vollständiger Name | 氏名
Name | Name | 名前
Title | Titel | 役職
Department | Abteilung | 部署
Email | E-Mail | メール
Business Phone | Telefon | 電話
Business Fax | Fax | Fax
Mobile Phone | Mobiltelefon | 携帯電話
Mobile | Mobil | 携帯電話
Home Phone | Telefon (privat) | 自宅電話
Other Phone | Anderes Telefon | その他の電話
Assistant's Name | Name des Assistenten | アシスタント名
Asst. Phone | Telefon des Assistenten | アシスタント電話
Email Opt Out | E-Mail-Abmeldung | メール送信除外
Do Not Call | Nicht anrufen | 電話不可
Lead Source | Lead-Quelle | リードソース
Birthdate | Geburtsdatum | 誕生日
Contact Description | Kontaktbeschreibung | 取引先責任者 説明
Contact ID | Kontakt-ID | 取引先責任者 ID
Contact Name | Kontaktname | 取引先責任者名
Reports To ID | Vorgesetzten-ID | 上司 ID
Reports To | Vorgesetzter | 上司
Stage | Phase | フェーズ
Amount | Betrag | 金額
Probability (%) | Wahrscheinlichkeit (%) | 確度 (%)
Expected Amount | Erwarteter Betrag | 期待収益
Forecast Category | Prognosekategorie | 売上予測分類
Quantity | Menge | 数量
Private | Privat | 非公開
Fiscal Year | Geschäftsjahr | 会計年度
Fiscal Quarter | Geschäftsquartal | 会計四半期
Close Date | Schlusstermin | 完了予定日
Opportunity Type | Opportunity-Typ | 商談 種別
Last Stage Change Date | Datum der letzten Phasenänderung | 最終フェーズ変更日
Next Step | Nächster Schritt | 次のステップ
Closed | Geschlossen | クローズ
Won | Gewonnen | 成立
Company | Firma | 会社名
Status | Status | 状況
Lead Description | Leadbeschreibung | リード 説明
Converted | Konvertiert | 取引の開始済み
Converted Date | Konvertierungsdatum | 取引開始日
Converted Account ID | ID des konvertierten Accounts | 取引開始 取引先 ID
Converted Account | Konvertierter Account | 取引開始 取引先
Converted Contact ID | ID des konvertierten Kontakts | 取引開始 取引先責任者 ID
Converted Contact | Konvertierter Kontakt | 取引開始 取引先責任者
Converted Opportunity ID | ID der konvertierten Opportunity | 取引開始 商談 ID
Converted Opportunity | Konvertierte Opportunity | 取引開始 商談
Case Number | Kundenvorgangsnummer | ケース番号
Subject | Betreff | 件名
Priority | Priorität | 優先度
Case Origin | Ursprung des Kundenvorgangs | ケース発生源
Case Type | Kundenvorgangstyp | ケース種別
Case Reason | Grund des Kundenvorgangs | ケース原因
Parent Case ID | ID des übergeordneten Kundenvorgangs | 親ケース ID
Parent Case | Übergeordneter Kundenvorgang | 親ケース
Escalated | Eskaliert | エスカレーション済み
Closed Date | Geschlossen am | クローズ日
Email Address | E-Mail-Adresse | メールアドレス
Name ID | Namens-ID | 名前 ID
Related To ID | Bezieht sich auf ID | 関連先 ID
Related To | Bezieht sich auf | 関連先
Due Date Only | Fälligkeitsdatum | 期日のみ
Due Date Time | Fälligkeitsdatum und -uhrzeit | 期日時刻
Type | Typ | 種別
High Priority | Hohe Priorität | 重要
Reminder Date/Time | Datum/Uhrzeit der Erinnerung | アラーム日時
Reminder Set | Erinnerung eingerichtet | アラーム設定
Call Type | Anruftyp | コール種別
Call Result | Anrufergebnis | コールの結果
Call Duration | Anrufdauer | コール時間
Task Subtype | Aufgabenuntertyp | ToDo サブタイプ
Location | Ort | 場所
All-Day Event | Ganztägiges Ereignis | 終日の行動
Start Date Time | Startdatum und -uhrzeit | 開始日時
End Date Time | Enddatum und -uhrzeit | 終了日時
Duration | Dauer | 期間
Show Time As | Zeit anzeigen als | 公開方法
Username | Benutzername | ユーザー名
Alias | Alias | 別名
Nickname | Spitzname | ニックネーム
Company Name | Firmenname | 会社名
Division | Geschäftsbereich | 事業部
Manager ID | Manager-ID | マネージャー ID
Manager | Manager | マネージャー
User Type | Benutzertyp | ユーザー種別
Profile ID | Profil-ID | プロファイル ID
Profile | Profil | プロファイル
Active | Aktiv | 有効
Time Zone | Zeitzone | タイムゾーン
Locale | Gebietsschema | 地域
Language | Sprache | 言語
Record Type ID | Datensatztyp-ID | レコードタイプ ID
Is Person Account | Ist Personenaccount | 個人取引先かどうか
Assistant | Assistent | アシスタント
State/Province Code | Bundesland-/Kantoncode | 都道府県コード
Country Code | Ländercode | 国コード
Billing State/Province Code | Bundesland-/Kantoncode für Rechnungsanschrift | 都道府県コード(請求先)
Billing Country Code | Ländercode für Rechnungsanschrift | 国コード(請求先)
Shipping State/Province Code | Bundesland-/Kantoncode für Lieferanschrift | 都道府県コード(納入先)
Shipping Country Code | Ländercode für Lieferanschrift | 国コード(納入先)
Mailing State/Province Code | Bundesland-/Kantoncode für Postanschrift | 都道府県コード(郵送先)
Mailing Country Code | Ländercode für Postanschrift | 国コード(郵送先)
Other State/Province Code | Anderer Bundesland-/Kantoncode | 都道府県コード(その他)
Other Country Code | Anderer Ländercode | 国コード(その他)
Agriculture | Landwirtschaft | 農業
Banking | Bankwesen | 銀行
Biotechnology | Biotechnologie | バイオテクノロジー
Chemicals | Chemie | 化学
Construction | Baugewerbe | 建設
Consulting | Beratung | コンサルティング
Education | Bildung | 教育
Electronics | Elektronik | 電子
Energy | Energie | エネルギー
Engineering | Maschinenbau | エンジニアリング
Finance | Finanzwesen | 金融
Healthcare | Gesundheitswesen | 医療
Hospitality | Gastgewerbe | ホスピタリティ
Insurance | Versicherung | 保険
Manufacturing | Fertigung | 製造
Media | Medien | メディア
Retail | Einzelhandel | 小売
Technology | Technologie | テクノロジー
Telecommunications | Telekommunikation | 通信
Transportation | Transport | 輸送
Utilities | Versorgung | 公共事業
Other | Sonstige | その他
Prospect | Interessent | 見込み客
Customer - Direct | Kunde - direkt | 顧客 - 直接販売
Customer - Channel | Kunde - Vertriebspartner | 顧客 - 代理店
Channel Partner / Reseller | Vertriebspartner / Wiederverkäufer | チャネルパートナー / 代理店
Technology Partner | Technologiepartner | テクノロジーパートナー
Hot | Heiß | Hot
Warm | Warm | Warm
Cold | Kalt | Cold
Public | Börsennotiert | 公開
Subsidiary | Tochtergesellschaft | 子会社
Mr. | Herr | 様 (男性)
Ms. | Frau | 様 (女性)
Mrs. | Frau (verh.) | 様 (既婚女性)
Dr. | Dr. | 博士
Prof. | Prof. | 教授
Prospecting | Akquise | 見込み
Qualification | Qualifizierung | 評価
Needs Analysis | Bedarfsanalyse | ニーズの把握
Value Proposition | Nutzenversprechen | 提案価値
Id. Decision Makers | Entscheidungsträger ermitteln | 意思決定者の特定
Perception Analysis | Wahrnehmungsanalyse | 認識の分析
Proposal/Price Quote | Angebot/Preis | 提案/見積
Negotiation/Review | Verhandlung/Prüfung | 交渉/レビュー
Closed Won | Gewonnen | 商談成立
Closed Lost | Verloren | 商談不成立
Omitted | Ausgelassen | 売上予測から除外
Pipeline | Pipeline | パイプライン
Best Case | Bestenfalls | 最善達成予測
Commit | Zusage | 達成予測
New Customer | Neukunde | 新規顧客
Existing Customer - Upgrade | Bestandskunde - Upgrade | 既存顧客 - アップグレード
Existing Customer - Replacement | Bestandskunde - Ersatz | 既存顧客 - リプレース
Web | Web | Web
Phone Inquiry | Telefonische Anfrage | 電話での問い合わせ
Partner Referral | Partnerempfehlung | パートナー紹介
Purchased List | Gekaufte Liste | 購入リスト
Open - Not Contacted | Offen - nicht kontaktiert | オープン - 未対応
Working - Contacted | In Bearbeitung - kontaktiert | 作業中 - 対応済み
Closed - Converted | Geschlossen - konvertiert | クローズ - 取引開始
Closed - Not Converted | Geschlossen - nicht konvertiert | クローズ - 取引なし
New | Neu | 新規
Working | In Bearbeitung | 対応中
High | Hoch | 高
Medium | Mittel | 中
Low | Niedrig | 低
Normal | Normal | 普通
Mechanical | Mechanisch | 機械
Electrical | Elektrisch | 電気
Electronic | Elektronisch | 電子部品
Structural | Strukturell | 構造
Installation | Installation | 設置
Equipment Complexity | Komplexität der Ausrüstung | 機器の複雑さ
Equipment Design | Konstruktion der Ausrüstung | 機器の設計
Performance | Leistung | 性能
Breakdown | Ausfall | 故障
Feedback | Feedback | フィードバック
Not Started | Nicht begonnen | 未着手
In Progress | In Bearbeitung | 進行中
Completed | Abgeschlossen | 完了
Waiting on someone else | Wartet auf jemand anderen | 待機中
Deferred | Zurückgestellt | 延期
Call | Anruf | 電話
Meeting | Besprechung | ミーティング
Internal | Intern | 内部
Inbound | Eingehend | 受信
Outbound | Ausgehend | 発信
Busy | Gebucht | 予定あり
OutOfOffice | Abwesend | 外出中
Free | Frei | 予定なし
Standard | Standard | 標準
PowerPartner | Power Partner | パワーパートナー
Guest | Gast | ゲスト
"""
